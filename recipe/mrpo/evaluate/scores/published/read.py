"""The file of published figures, checked."""

from __future__ import annotations

from functools import cache
from importlib import resources

from pydantic import BaseModel, ConfigDict

from recipe.mrpo.rollout.first_failure import STAGES


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Stages(Strict):
    method: str
    early: float
    mid: float
    late: float

    def share(self, stage: str) -> float:
        return {"early": self.early, "mid": self.mid, "late": self.late}[stage]

    @property
    def total(self) -> float:
        return sum(self.share(name) for name in STAGES)


class FirstFailures(Strict):
    unit: str
    cuts: tuple[float, float] | None
    digits: int
    from_: str
    rows: tuple[Stages, ...]


class AccuracyRow(Strict):
    """One model: its cell for each test set, and the printed average."""

    model: str
    method: str
    cells: dict[str, float]
    average: float


class Accuracy(Strict):
    unit: str
    digits: int
    from_: str
    rows: tuple[AccuracyRow, ...]


class Difference(Strict):
    of: str
    minus: str
    points: float
    from_: str


class Early(Strict):
    before: float
    after: float
    from_: str


class Published(Strict):
    """`from_` of each part names its entry in `source`."""

    source: dict[str, str]
    judge: str
    questions: str
    average: str
    test_sizes: dict[str, int]
    size_notes: dict[str, str]
    first_failures: FirstFailures
    accuracy: Accuracy
    differences: tuple[Difference, ...]
    early_failures: tuple[Early, ...]


@cache
def published() -> Published:
    """The published figures of MRPO."""
    text = resources.files("recipe.mrpo.evaluate.scores.published").joinpath("mrpo.json").read_text(encoding="utf-8")
    return Published.model_validate_json(text.replace('"from":', '"from_":'))
