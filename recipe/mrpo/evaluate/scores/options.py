"""What decides a figure; every report says it beside the figures."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from recipe.mrpo.evaluate.statistics.cluster import DRAWS
from recipe.mrpo.options.tree import load_options

ANSWERS = ("reward", "verdict")
CLUSTERS = ("image", "patient", "study")
COMPAT = ("none", "reference")


def default_cuts() -> tuple[tuple[float, float], ...]:
    """Three pairs of cut-offs, for the study's are unpublished: those of the options, and two on both sides of them."""
    cuts = load_options().metrics.stage_cuts
    return (cuts.early, cuts.mid), (0.25, 0.75), (0.4, 0.8)


@dataclass(frozen=True)
class ScoreOptions:
    """Raises ValueError naming the option for a value that cannot be."""

    answers: str = "reward"
    """`reward`: right is R_ans > tau, as in training. `verdict`: right is what the judge of answers says."""
    compat: str = "none"
    """`reference`: the denominators of the study's released code, which leave out what is not known."""
    cluster: str = "image"
    """Rows that share it are drawn together."""
    cuts: tuple[tuple[float, float], ...] = ()
    """Cut-offs between early, mid and late; the first pair is the one of the headline. Empty: `default_cuts`."""
    ffp_width: float = 0.2
    pass_at: tuple[int, ...] = ()
    """k of pass@k beside 1."""
    level: float = 0.95
    draws: int = DRAWS
    seed: int = 0
    discordant: float = 0.2
    """Share of questions that one of two runs alone answers right, for the difference that can be detected."""
    power: float = 0.8
    bins: int = 10
    """Bins of the calibration."""

    def __post_init__(self) -> None:
        for name, allowed in (("answers", ANSWERS), ("compat", COMPAT), ("cluster", CLUSTERS)):
            if getattr(self, name) not in allowed:
                raise ValueError(f"--{name} must be one of {', '.join(allowed)}, not {getattr(self, name)!r}")
        for name in ("level", "power", "discordant", "ffp_width"):
            value = getattr(self, name)
            if not 0 < value < 1 and not (name in ("discordant", "ffp_width") and value == 1):
                raise ValueError(f"--{name.replace('_', '-')} must lie between 0 and 1, not {value!r}")
        for name, least in (("draws", 100), ("bins", 2)):
            if getattr(self, name) < least:
                raise ValueError(f"--{name} must be at least {least}, not {getattr(self, name)!r}")
        if any(k < 1 for k in self.pass_at):
            raise ValueError(f"--pass-at must name whole numbers of at least 1, not {list(self.pass_at)!r}")
        if not self.cuts:
            object.__setattr__(self, "cuts", default_cuts())
        for cuts in self.cuts:
            if len(cuts) != 2 or not 0 < cuts[0] < cuts[1] < 1:
                raise ValueError(f"--cuts must be two numbers with 0 < early < mid < 1, not {list(cuts)!r}")

    @property
    def reference(self) -> bool:
        return self.compat == "reference"

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"cuts": [list(cuts) for cuts in self.cuts], "pass_at": list(self.pass_at)}
