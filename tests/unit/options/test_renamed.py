"""Laws of recipe.mrpo.options.renamed: old words of a user's command."""

from __future__ import annotations

import logging

import pytest

from recipe.mrpo.options import renamed
from recipe.mrpo.options.renamed import RENAMED, Renamed, with_new_names
from recipe.mrpo.options.tree import load_options

ROW = Renamed("judge.skip", "judge.ask_for", {"none": "all", "right": "wrong_answers"})
VALUES = Renamed("steps.unclosed", "steps.unclosed", {"none": "drop"})
MOVED = Renamed("old_group.depth", "new_group.deep.depth")
TABLE = (ROW, VALUES, MOVED)
DEFAULTS = {"judge": {"ask_for": "all", "name": "overlap"}, "steps": {"unclosed": "drop"}}


@pytest.fixture(autouse=True)
def nothing_told_yet(monkeypatch):
    monkeypatch.setattr(renamed, "_told", set())


def told(caplog) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def test_an_old_name_and_value_become_the_new_ones_with_one_sentence(caplog):
    given = {"judge": {"skip": "right", "name": "openai"}}
    assert with_new_names(given, DEFAULTS, TABLE) == {"judge": {"ask_for": "wrong_answers", "name": "openai"}}
    with_new_names(given, DEFAULTS, TABLE)
    assert told(caplog) == [
        "mrpo.judge.skip=right is now mrpo.judge.ask_for=wrong_answers; the old word works in this release only."
    ]


def test_a_value_without_a_new_word_is_kept_for_the_check_of_the_new_option():
    assert with_new_names({"judge": {"skip": ["x"]}}, DEFAULTS, TABLE) == {"judge": {"ask_for": ["x"]}}


def test_an_old_value_under_an_unchanged_name_becomes_the_new_value(caplog):
    assert with_new_names({"steps": {"unclosed": "none"}}, DEFAULTS, TABLE) == {"steps": {"unclosed": "drop"}}
    assert len(told(caplog)) == 1


def test_new_words_are_left_alone_in_silence(caplog):
    given = {"judge": {"ask_for": "all"}, "steps": {"unclosed": "keep"}, "tau": 0.5}
    assert with_new_names(given, DEFAULTS, TABLE) == given
    assert told(caplog) == []


def test_an_option_may_move_to_a_group_that_is_not_there_yet():
    assert with_new_names({"old_group": {"depth": 3}}, DEFAULTS, TABLE) == {"new_group": {"deep": {"depth": 3}}}


def test_a_new_name_at_its_default_does_not_hide_the_old_one():
    given = {"judge": {"skip": "right", "ask_for": "all"}}  # --config-name mrpo lists every option
    assert with_new_names(given, DEFAULTS, TABLE)["judge"] == {"ask_for": "wrong_answers"}


def test_two_values_for_one_option_are_refused():
    with pytest.raises(ValueError, match=r"^mrpo\.judge\.skip is the old name of mrpo\.judge\.ask_for, and both"):
        with_new_names({"judge": {"skip": "right", "ask_for": "needed"}}, DEFAULTS, TABLE)


def test_a_member_of_an_ensemble_may_use_the_old_name(caplog):
    given = {"judge": {"members": {"a": {"skip": "none"}, "b": None}}}
    assert with_new_names(given, DEFAULTS, TABLE)["judge"]["members"] == {"a": {"ask_for": "all"}, "b": None}
    assert told(caplog)[0].startswith("mrpo.judge.members.a.skip=none is now mrpo.judge.members.a.ask_for=all")


def test_a_value_where_a_group_belongs_is_left_for_the_check_of_the_tree():
    assert with_new_names({"judge": 5, "steps": None}, DEFAULTS, TABLE) == {"judge": 5, "steps": None}


def test_the_given_options_are_not_changed():
    given = {"judge": {"skip": "right"}}
    with_new_names(given, DEFAULTS, TABLE)
    assert given == {"judge": {"skip": "right"}}


def test_every_row_leads_to_an_option():
    for row in RENAMED:
        node = load_options()
        for part in row.new.split("."):
            node = node[part]
