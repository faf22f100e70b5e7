"""What only a process of its own can show: verl without the plugin, two plugins together, main_ppo with a mistake."""

from __future__ import annotations

import json
import statistics

import pytest
import torch

from .background import started
from .bare_process import STOCK, algorithm_config, stock_advantages


@pytest.fixture(scope="module", autouse=True)
def background(tmp_path_factory):
    with started(tmp_path_factory.mktemp("background")) as running:
        yield running


@pytest.fixture(scope="module")
def bare(background):
    done = background.bare.result()
    assert done.code == 0, done.err[-3000:]
    return torch.load(background.figures, weights_only=False)


def test_the_bare_process_really_is_without_the_plugin(bare):
    assert bare["ours"] == []
    assert "mrpo" not in bare["registered"]


@pytest.mark.parametrize("name", STOCK)
def test_stock_estimators_are_bit_identical_with_the_plugin(verl, bare, name):
    assert "mrpo" in verl.core_algos.ADV_ESTIMATOR_REGISTRY
    ours = stock_advantages(verl.compute_advantage, verl.DataProto, algorithm_config(), [name])
    assert torch.count_nonzero(bare["advantages"][name]) > 0
    assert torch.equal(ours[name], bare["advantages"][name])


def test_the_plugin_adds_no_estimator_but_mrpo(verl, bare):
    assert set(map(str, verl.core_algos.ADV_ESTIMATOR_REGISTRY)) - set(bare["registered"]) == {"mrpo"}


@pytest.mark.parametrize(("figure", "share"), [("plugin_s", 0.1), ("plugin_cpu_s", 0.15)])
def test_importing_the_plugin_is_cheap(bare, record_property, capsys, figure, share):
    """A share of the CPU time of `import verl`, which a busy machine changes little. 0.5 % was measured on a quiet one.

    `plugin_cpu_s`: with VERL_PLATFORM=cpu, which also sets the platform up.
    """
    seconds = statistics.median(bare[figure])
    record_property(figure, seconds)
    with capsys.disabled():
        print(f"\n{figure}: the plugin adds {seconds:.3f} s to `import verl` ({bare['import_verl_s']:.1f} s)")
    assert seconds < share * bare["import_verl_s"]


def test_main_ppo_with_a_mistake_ends_with_one_sentence_before_ray_starts(background):
    done = background.mistake.result()
    assert done.code == 1
    assert [line for line in done.err.splitlines() if line.startswith("mrpo: ")] == [
        "mrpo: mrpo.tau must be a number in [0, 1], not 2."
    ]
    assert "Traceback" not in done.err
    assert "ray.init" not in json.loads(background.notes.read_text())["calls"]


def test_another_plugin_is_not_disturbed(background):
    background.mistake.result()
    notes = json.loads(background.notes.read_text())
    assert notes["other_is_other"]
    assert notes["module"] == "recipe.mrpo.wiring.estimators"
    assert {"other", "mrpo", "gdpo", "grpo"} <= set(notes["estimators"])
    assert {"other", "mrpo", "naive"} <= set(notes["managers"])
