"""A real verl run with a reward that raises: below the rate its groups stay whole, above it the run ends."""

from __future__ import annotations

import pytest

from recipe.mrpo.report.recompute import group_advantages, recompute
from tests.integration.verl_run import Run, make_assets

pytestmark = [pytest.mark.verl, pytest.mark.slow]

ROLLOUTS = 32  # of a step: 4 prompts with 8 rollouts each
REWARD = f'''
import os

def own(rollout, *, calls):
    """Something about the reasoning; KeyError on the fifth call of the first step and on all of the second one."""
    file = os.open(calls, os.O_CREAT | os.O_APPEND | os.O_WRONLY)  # of all reward workers together
    os.write(file, b".")
    number = os.fstat(file).st_size
    os.close(file)
    if number == 5 or number > {ROLLOUTS}:
        raise KeyError(number)
    return len(rollout.reasoning()) % 7 / 7
'''


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    make_assets()
    out = tmp_path_factory.mktemp("raising_reward")
    (out / "my_rewards.py").write_text(REWARD)
    reward = {"function": f"{out / 'my_rewards.py'}:own", "weight": 0.5, "calls": out / "calls"}
    one = Run(
        out, steps=3, overrides={f"+mrpo.rewards.own.{name}": value for name, value in reward.items()}
        | {"trainer.val_before_train": False, "trainer.test_freq": -1, "trainer.save_freq": -1},
    )  # fmt: skip
    one.finished = one.go(timeout=500)
    return one


def test_a_reward_that_raises_for_one_rollout_leaves_its_group_whole(run):
    rows = run.rollouts(1)
    assert len(rows) == ROLLOUTS
    failed = [row for row in rows if row["mrpo"]["errors"]]
    assert [row["mrpo"]["errors"] for row in failed] == [{"own": "KeyError"}]
    assert failed[0]["mrpo"]["rewards"]["own"] is None
    assert all(value is not None for name, value in failed[0]["mrpo"]["rewards"].items() if name != "own")
    assert run.metrics()[1]["mrpo/reward_errors_total"] == 1


def test_the_advantages_are_those_of_the_whole_group_and_not_of_its_survivors(run):
    rows = run.rollouts(1)
    wanted = recompute(rows, tau=0.6, base=2.718281828459045)
    for row, (advantage, steps) in zip(rows, wanted, strict=True):
        record = row["mrpo"]
        assert record["advantage"] is None or record["advantage"] == pytest.approx(advantage, abs=1e-4)
        given = zip(record["step_advantages"], steps, strict=True)
        assert all(got == pytest.approx(want, abs=1e-4) for got, want in given if got is not None)
    (failed,) = [row for row in rows if row["mrpo"]["errors"]]
    prompt = failed["uid"].rsplit("_", 2)[0]
    group = [row for row in rows if row["uid"].rsplit("_", 2)[0] == prompt]
    assert len(group) == 8
    survivors = group_advantages([row for row in group if row is not failed])
    whole = [row["mrpo"]["advantage"] for row in group if row is not failed]
    assert max(abs(a - b) for a, b in zip(survivors, whole, strict=True) if b is not None) > 1e-3


def test_above_the_rate_the_run_ends_with_the_sentence(run):
    assert run.finished.exit_code not in (0, None) and not run.finished.timed_out
    said = run.log.read_text(errors="replace")
    assert (
        f"a reward could not be computed for {ROLLOUTS} of {ROLLOUTS} rollouts (100%): own: KeyError x{ROLLOUTS}"
        in said
    )
    assert "mrpo.guards.max_reward_error_rate (0.1)" in said
    assert "mrpo.rewards.own: KeyError: 5" in said and "my_rewards.py" in said, "the workers' log has the place"
    assert sorted(run.metrics()) == [1] and not (run.out / "rollouts" / "3.jsonl").exists()
