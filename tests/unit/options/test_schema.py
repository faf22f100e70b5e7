"""Laws of recipe.mrpo.options.schema: it knows the options of options.yaml, and refuses by name."""

from __future__ import annotations

import pytest
from omegaconf import OmegaConf
from pydantic import BaseModel

from recipe.mrpo.options.schema.check import first_fault
from recipe.mrpo.options.schema.kinds import kind_of
from recipe.mrpo.options.schema.options import Options
from recipe.mrpo.options.schema.rewards import OURS
from recipe.mrpo.options.tree import OPTIONS_FILE, OptionError, load_options

DEFAULTS = OmegaConf.to_container(OmegaConf.load(OPTIONS_FILE), resolve=True)
WRITTEN = OmegaConf.to_container(OmegaConf.load(OPTIONS_FILE), resolve=False)
"""As they stand in the file: an option that follows a group of options is one option."""


def names_of_yaml(node: dict, path: str = "") -> set[str]:
    out = set()
    for key, value in node.items():
        out |= names_of_yaml(value, f"{path}{key}.") if isinstance(value, dict) and value else {f"{path}{key}"}
    return out


def names_of_schema(group: type[BaseModel], path: str = "") -> set[str]:
    out = set()
    for name, field in group.model_fields.items():
        if path + name == "rewards":
            out |= {deep for reward in OURS for deep in names_of_schema(OURS[reward], f"rewards.{reward}.")}
        elif kind_of(group, name) is None:
            out |= names_of_schema(field.annotation, f"{path}{name}.")
        elif field.is_required():
            out.add(f"{path}{name}")
    return out


def test_the_schema_has_the_options_of_options_yaml_and_no_other():
    assert names_of_schema(Options) == names_of_yaml(WRITTEN), "an option of options.yaml needs a line in the schema"


def test_the_defaults_have_no_fault():
    assert first_fault(DEFAULTS) is None


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"judge": {"max_failure_rate": "abc"}}, "mrpo.judge.max_failure_rate must be a number in [0, 1], not 'abc'."),
        ({"judge": {"openai": {"timeout_s": None}}},
         "mrpo.judge.openai.timeout_s must be a number in [0.001, 1000000], not None."),
        ({"judge": {"openai": {"temperature": float("nan")}}},
         "mrpo.judge.openai.temperature must be a number in [0, 100] or null, not nan."),
        ({"judge": {"limits": {"requests_per_minute": 0}}},
         f"mrpo.judge.limits.requests_per_minute must be a number above 0 and at most {2**53} or null, not 0."),
        *(({"judge": {"limits": {name: 0}}}, f"mrpo.judge.limits.{name} must be a {kind}")
          for name, kind in (("tokens_per_minute", "number above 0"), ("tokens_per_call", "number above 0"),
                             ("concurrency", "whole number of at least 1"))),
        *(({"judge": {name: 0}}, f"mrpo.judge.{name} must be a number above 0") for name in ("max_tokens", "max_cost")),
        ({"judge": {"cache": {"namespace": " "}}}, "mrpo.judge.cache.namespace must be a name or null, not ' '."),
        ({"judge": {"cache": {"max_mb": 0}}}, "mrpo.judge.cache.max_mb must be a number above 0"),
        ({"judge": {"openai": {"response_format": "xml"}}},
         "mrpo.judge.openai.response_format must be one of auto, json_schema, none, not 'xml'."),
        ({"judge": {"openai": {"timeout_s": 0}}}, "mrpo.judge.openai.timeout_s must be a number in [0.001, 1000000]"),
        ({"judge": {"openai": {"concurrency": 0}}}, "mrpo.judge.openai.concurrency must be a whole number in [1, "),
        ({"judge": {"openai": {"query": {"a": [1]}}}},
         "mrpo.judge.openai.query must be a mapping of texts and numbers such as {api-version: preview} or null, not "
         "{'a': [1]}."),
        ({"judge": {"overlap": {"min_alignment": 0}}},
         "mrpo.judge.overlap.min_alignment must be a number above 0 and at most 1, not 0."),
        ({"judge": {"overlap": {"repeat_window": -1}}},
         "mrpo.judge.overlap.repeat_window must be a whole number of at least 0, not -1."),
        ({"judge": {"breaker": {"failures": 0}}}, "mrpo.judge.breaker.failures must be a whole number of at least 1"),
        ({"judge": {"breaker": {"pause_s": -1}}}, "mrpo.judge.breaker.pause_s must be a number in [0, 1000000]"),
        ({"judge": {"breaker": {"failures": 2.5}}},
         "mrpo.judge.breaker.failures must be a whole number of at least 1, not 2.5."),
        ({"judge": {"openai": {"extra_body": "abc"}}},
         "mrpo.judge.openai.extra_body must be a mapping of JSON values or null, not 'abc'."),
        ({"judge": {"openai": {"extra_body": {"a": [float("inf")]}}}},
         "mrpo.judge.openai.extra_body must be a mapping of JSON values or null, not {'a': [inf]}."),
        ({"judge": {"allow_hosts": "judge"}},
         "mrpo.judge.allow_hosts must be a list of host names such as [judge.example.org], not 'judge'."),
        ({"judge": {"price_per_million": {"prompt": 1}}},
         "mrpo.judge.price_per_million needs both, prompt and completion, or neither, not {'prompt': 1, 'completion': "
         "None}."),
        ({"rewards": {"mine": 5}}, "mrpo.rewards.mine must be a group of options, not 5."),
        ({"rewards": {"length": {"function": "a:b", "weight": None}}},
         "mrpo.rewards.length.weight must be a number in [-1000000, 1000000], not None."),
        ({"rewards": {"mine": {"function": "a:b"}}}, "mrpo.rewards.mine.weight is missing; set it."),
        ({"rewards": {"length": {"enabled": "no"}}}, "mrpo.rewards.length.enabled must be true or false, not 'no'."),
        ({"rewards": {"answer": {"weight": 1e308}}},
         "mrpo.rewards.answer.weight must be a number in [-1000000, 1000000], not 1e+308."),
        ({"judge": {"members": {"a": 5}}}, "mrpo.judge.members.a must be a group of options (name, "),
        ({"judge": {"members": {"a": {"openai": {"max_retries": None}}}}},
         "mrpo.judge.members.a.openai.max_retries must be a whole number in [0, 1000], not None."),
        ({"judge": {"members": {"a": {"openai": {"max_retrys": 1}}}}},
         "Unknown option mrpo.judge.members.a.openai.max_retrys; did you mean "
         "mrpo.judge.members.a.openai.max_retries?"),
        ({"tau": "${nothing}"}, "mrpo.tau='${nothing}' has no value: Interpolation key 'nothing' not found."),
        ({1: 2}, "mrpo holds the name 1; the name of an option must be text."),
    ],
)  # fmt: skip
def test_a_fault_is_one_sentence_that_names_the_option(given, sentence):
    with pytest.raises(OptionError) as caught:
        load_options(given)
    assert str(caught.value).startswith(sentence) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "secret"),
    [
        ({"judge": {"openai": {"base_url": "http://me:hunter2@judge/v1"}}}, "hunter2"),
        ({"judge": {"name": "overlap", "openai": {"base_url": ["http://me:hunter2@judge/v1"]}}}, "hunter2"),
        ({"judge": {"openai": {"api_key_env": "sk-hunter2"}}}, "hunter2"),
        ({"judge": {"members": {"a": {"openai": {"base_url": "http://me:hunter2@judge/v1"}}}}}, "hunter2"),
    ],
)
def test_an_error_shows_no_password_and_no_key(given, secret):
    with pytest.raises(OptionError) as caught:
        load_options(given)
    assert secret not in str(caught.value) and "mrpo.judge" in str(caught.value)


def test_a_long_or_unprintable_value_is_shown_in_one_short_line():
    with pytest.raises(OptionError) as caught:
        load_options({"tau": "a\x1b[2J\n" * 100})
    assert str(caught.value).isprintable() and len(str(caught.value)) < 200


def test_a_reference_into_the_rest_of_a_configuration_takes_its_value():
    config = OmegaConf.create({"share": 0.25, "mrpo": {"tau": "${share}", "rewards": {"mine": {"weight": "${share}"}}}})
    options = load_options(config.mrpo)
    assert options.tau == 0.25 and options.rewards.mine.weight == 0.25
    assert options.rewards.semantic.encoder_layer == 12
