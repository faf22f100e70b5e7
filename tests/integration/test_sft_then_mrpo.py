"""Two stages by the documented command: SFT on gold reasoning, then MRPO from its checkpoint."""

from __future__ import annotations

from pathlib import Path

import pytest
from safetensors.torch import load_file

from tests.integration.method_arithmetic import deviation
from tests.integration.script_run import REAL_STEPS, ScriptRun, assets, finite

pytestmark = [pytest.mark.verl, pytest.mark.slow]

SFT_STEPS, MRPO_STEPS = 4, 2


def weights(folder: Path) -> dict:
    return load_file(next(folder.glob("*.safetensors")))


@pytest.mark.parametrize("backbone", ["qwen2_5_vl", "qwen2_vl"])  # the second: a row of the table beyond the study's
def test_mrpo_starts_from_what_sft_has_learned(backbone, tmp_path):
    made = assets(backbone)
    first = f"trainer.total_training_steps={SFT_STEPS} hydra.run.dir={tmp_path / 'sft' / 'hydra'}"
    run = ScriptRun(
        "run_sft_then_mrpo.sh",
        tmp_path,
        {
            "BACKBONE": backbone, "MODEL_PATH": str(made.model), "DATA_DIR": str(made.data),
            "SFT_DATA_DIR": str(made.sft), "SFT_ARGS": first, "SFT_LR": "1e-4",
        },
        (*REAL_STEPS, f"trainer.total_training_steps={MRPO_STEPS}"),
    ).go(timeout=900)  # fmt: skip

    trained = tmp_path / "sft" / "checkpoints" / f"global_step_{SFT_STEPS}" / "huggingface"
    before, after = weights(made.model), weights(trained)
    assert any((before[name].float() != after[name].float()).any() for name in before)
    command = (tmp_path / "mrpo" / "command.txt").read_text()
    assert str(trained) in command and str(made.model) not in command

    metrics = run.metrics()
    assert all(finite(metrics[step]) for step in (1, MRPO_STEPS))
    assert metrics[1]["training/rollout_actor_probs_pearson_corr"] >= 0.99  # of SFT's weights, in vLLM and in FSDP
    stage = ScriptRun("run_sft_then_mrpo.sh", tmp_path / "mrpo", {})
    for step in range(1, MRPO_STEPS + 1):
        assert deviation(stage.rollouts(step), "mrpo") < 1e-4
