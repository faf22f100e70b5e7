"""The methods to compare, in one table: same rewards, data and loop, another advantage; to add a method, add a row.

python -m recipe.mrpo.methods                    # the table
python -m recipe.mrpo.methods drgrpo             # its verl overrides, one a line
python -m recipe.mrpo.methods drgrpo program     # the verl program that runs it
"""

from __future__ import annotations

from dataclasses import dataclass

from recipe.mrpo.common.table_command import run_table_command
from recipe.mrpo.credit.shaping.registry import SHAPINGS
from recipe.mrpo.judge.registry import JUDGES

PPO = "verl.trainer.main_ppo"
SFT = "verl.trainer.sft_trainer"

GROUP_RELATIVE = ("algorithm.adv_estimator=mrpo", "++mrpo.shaping=none")
"""GRPO's advantage by our estimator: verl's `grpo` would count the process reward of a failed judgement as 0."""


@dataclass(frozen=True)
class Method:
    """One method as Hydra overrides over `--config-name mrpo` (or mrpo_cpu, mrpo_sft for supervised fine-tuning)."""

    what: str
    source: str
    settings: tuple[str, ...]
    program: str = PPO

    def overrides(self) -> list[str]:
        """Hydra overrides of verl for this method; those that learn from rollouts all use MRPO's reward manager."""
        shared = ["reward.reward_manager.name=mrpo"] if self.program == PPO else []
        return [*shared, *self.settings]


METHODS: dict[str, Method] = {
    "mrpo": Method(
        what="step credit: in wrong rollouts valid steps go up and invalid ones down, the earliest most",
        source="arXiv 2606.31825",
        settings=("algorithm.adv_estimator=mrpo", "++mrpo.shaping=mrpo"),
    ),
    "grpo": Method(
        what="A_i = (R_i - mean) / std on every token",
        source="arXiv 2402.03300",
        settings=GROUP_RELATIVE,
    ),
    "gdpo": Method(
        what="each reward normalised in its group, weighted sum, then normalised over the batch",
        source="arXiv 2601.05242",
        # Ours answers to this name where our rewards are (estimators.with_step_credit); verl's own fails in v1.
        settings=("algorithm.adv_estimator=gdpo",),
    ),
    "drgrpo": Method(
        what="GRPO without its two biases: no division by std, and by a constant instead of the response's length",
        source="arXiv 2503.20783",
        settings=(
            *GROUP_RELATIVE,
            "algorithm.norm_adv_by_std_in_grpo=False",
            "actor_rollout_ref.actor.loss_agg_mode=seq-mean-token-sum-norm",
            # verl's own constant is the padded width of a batch, which varies.
            "actor_rollout_ref.actor.loss_scale_factor=${data.max_response_length}",
        ),
    ),
    "vppo": Method(
        what="the verified prefix of a wrong rollout is rewarded, everything from its first error on penalised",
        source="arXiv 2601.18984",
        settings=("algorithm.adv_estimator=mrpo", "++mrpo.shaping=vppo"),
    ),
    "pgrpo": Method(
        what="the process reward counts only where the answer is right",
        source="arXiv 2508.05170",
        settings=("algorithm.adv_estimator=mrpo", "++mrpo.shaping=pgrpo"),
    ),
    "sft": Method(
        what="supervised fine-tuning on gold reasoning and answer, by verl's own trainer",
        source="arXiv 2606.31825 (baseline)",
        settings=(),
        program=SFT,
    ),
}


def get_method(name: str) -> Method:
    """The row of a method. Raises ValueError naming the known ones."""
    try:
        return METHODS[name]
    except KeyError:
        raise ValueError(f"method {name!r} is unknown; choose one of {', '.join(METHODS)}.") from None


def table() -> str:
    """The methods as lines of text, and the shaping rules and judges that the options know."""
    rows = [f"{name:8} {row.source:28} {row.what}" for name, row in METHODS.items()]
    rules = f"Shaping rules (mrpo.shaping, docs/shaping.md): {', '.join(SHAPINGS.names())}, or your own."
    judges = f"Judges of the steps (mrpo.judge.name, docs/judge.md): {', '.join(JUDGES.names())}, or your own."
    return "\n".join([*rows, "", rules, judges])


def main() -> None:
    run_table_command(
        "python -m recipe.mrpo.methods",
        "The methods to compare.",
        noun="method",
        names=METHODS,
        table=table,
        get=get_method,
        views={"overrides": lambda row: "\n".join(row.overrides()), "program": lambda row: row.program},
    )


if __name__ == "__main__":
    main()
