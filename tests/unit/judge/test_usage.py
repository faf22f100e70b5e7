from __future__ import annotations

import json
from dataclasses import asdict, fields

from recipe.mrpo.judge.usage import COUNTERS, Usage

ONE = Usage(calls=2, retries=1, prompt_tokens=100, completion_tokens=7, cache_faults=1, latency_s=0.5)


def test_every_counter_of_two_usages_is_summed():
    total = ONE + Usage(**dict.fromkeys(COUNTERS, 10), latency_s=1.0)
    assert {name: getattr(total, name) for name in COUNTERS} == {name: getattr(ONE, name) + 10 for name in COUNTERS}
    assert total.latency_s == 1.5


def test_every_field_is_a_counter_a_flag_or_the_latency():
    assert {field.name for field in fields(Usage)} == {*COUNTERS, "cached", "latency_s"}


def test_a_sum_is_cached_only_if_all_its_parts_are():
    hit = Usage(cached=True)
    assert (hit + hit).cached and not (hit + ONE).cached


def test_a_usage_survives_the_dump():
    assert Usage.of(json.loads(json.dumps({**asdict(ONE), "agreement": None}))) == ONE
    assert Usage.of({}) == Usage(), "a rollout that was not judged"
