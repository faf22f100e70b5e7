from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from recipe.mrpo.judge import Judge, Judgement, get_judge, register_judge


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({}, "neither labels nor a failure"),
        ({"labels": (1,), "failure": "timeout"}, "both"),
        ({"labels": (1, 2)}, "2 is no label"),
        ({"labels": (True,)}, "a truth value is no label"),
        ({"labels": (0.0,)}, "a float is no label"),
        ({"labels": (None,)}, "unknown is no label"),
    ],
)
def test_a_judgement_holds_labels_or_a_failure(fields, why):
    with pytest.raises(ValueError):
        Judgement(**fields)


def test_a_failed_judgement_has_no_labels():
    assert Judgement(failure="timeout").labels is None


def test_an_unknown_name_names_the_option_and_the_choices(options_of):
    with pytest.raises(
        ValueError, match=r"mrpo\.judge\.name=nurse is unknown; choose one of overlap, openai.*module:name"
    ):
        get_judge(options_of(name="nurse"))


def test_a_registered_judge_is_found_by_name(options_of):
    class Strict:
        name = "strict"

        async def label(self, request):
            return Judgement(labels=(0,) * len(request.steps))

        async def close(self):
            return None

    register_judge("strict_for_test")(lambda options: Strict())
    judge = get_judge(options_of(name="strict_for_test"))
    assert isinstance(judge, Judge)
    with pytest.raises(ValueError, match="registered already"):
        register_judge("strict_for_test")(lambda options: Strict())


def test_a_module_of_the_users_is_imported_before_its_judge_is_looked_up(options_of, tmp_path, monkeypatch, caplog):
    (tmp_path / "judges_that_register.py").write_text(
        "from recipe.mrpo.judge import Judgement, register_judge\n"
        "class Yes:\n"
        "    name = 'yes'\n"
        "    async def label(self, request): return Judgement(labels=(1,) * len(request.steps))\n"
        "    async def close(self): pass\n"
        "register_judge('yes_for_test')(lambda options: Yes())\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert get_judge(options_of(name="yes_for_test", module="judges_that_register")).name == "yes"
    assert "set mrpo.judge.name=judges_that_register:<class>" in caplog.text


def test_an_offline_judge_does_not_pay_for_the_client_library():
    code = (
        "import sys; from recipe.mrpo.judge import get_judge; import recipe.mrpo.judge.overlap.judge; "
        "sys.exit(bool({'openai', 'PIL', 'verl', 'ray', 'torch'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=300).returncode == 0


def test_a_rollout_without_steps_needs_no_call(asked, request_of):
    for name in ("overlap", "openai"):
        judgement = asked(request_of(steps=()), name=name)
        assert (judgement.labels, judgement.usage.calls) == ((), 0)


@pytest.mark.parametrize(
    ("change", "option"),
    [
        ({"openai__model": None}, "mrpo.judge.openai.model"),
        ({"openai__base_url": "localhost:8000"}, "mrpo.judge.openai.base_url"),
        ({"openai__base_url": "http://u:secret@localhost/v1"}, "mrpo.judge.openai.base_url"),
        ({"openai__api_key_env": "MRPO_NO_SUCH_KEY"}, "mrpo.judge.openai.api_key_env"),
        ({"openai__rubric": "/nonexistent"}, "mrpo.judge.openai.rubric"),
        ({"allow_hosts": "example.org"}, "mrpo.judge.allow_hosts"),
    ],
)
def test_a_value_no_judge_can_run_with_is_refused_by_the_name_of_its_option(options_of, change, option):
    with pytest.raises(ValueError) as refused:
        get_judge(options_of(**{"name": "openai", **change}))
    assert option in str(refused.value) and "secret" not in str(refused.value)


def test_one_judge_serves_several_event_loops(options_of, request_of):
    # Reward workers keep their loop, but a notebook or an evaluation opens a new one each time.
    from tests.fake_judge_server import FakeJudgeServer

    with FakeJudgeServer() as server:
        judge = get_judge(options_of(name="openai", openai__base_url=server.base_url))

        async def once():
            judgement = await judge.label(request_of())
            await judge.close()
            return judgement.labels

        assert asyncio.run(once()) == asyncio.run(once()) == (0, 1, 0, 1)
