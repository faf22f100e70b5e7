"""An evaluation in its folder: what it is made of is compared with the manifest, then each phase does what is left."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from recipe.mrpo.backbones import get_backbone
from recipe.mrpo.common.environment import on_cpu
from recipe.mrpo.endpoint.command_line import IMAGE_MAX_PIXELS
from recipe.mrpo.evaluate.phases import generate as answers
from recipe.mrpo.evaluate.phases import judge as judgements
from recipe.mrpo.evaluate.phases.checkpoint import (
    Checkpoint,
    CheckpointGone,
    checkpoint_hash,
    find_checkpoint,
    merged_folder,
)
from recipe.mrpo.evaluate.phases.engines.endpoint import EndpointEngine, checked_endpoint
from recipe.mrpo.evaluate.phases.generate import Outcome, generate, tasks_of
from recipe.mrpo.evaluate.phases.judge import JudgePhase
from recipe.mrpo.evaluate.phases.judging import Judging, check_stand_in, judging_section
from recipe.mrpo.evaluate.phases.log import AppendLog
from recipe.mrpo.evaluate.phases.manifest import Manifest, versions
from recipe.mrpo.evaluate.phases.questions import Questions, file_hash
from recipe.mrpo.evaluate.phases.settings import Settings, backbone_of, sampling_of, training_config
from recipe.mrpo.evaluate.phases.stop import Stop
from recipe.mrpo.evaluate.phases.tasks import Engine, Task, fingerprint
from recipe.mrpo.judge.stand_in import has_real_weights

PHASES = ("generate", "judge", "score")


@dataclass
class Report:
    """What became of an evaluation."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    scores: Mapping[str, Any] | None = None
    """What the phase score has computed; None: scores.json was there already, or the phase was not asked for."""
    stopped_by: int | None = None
    did_something: bool = False

    @property
    def complete(self) -> bool:
        return self.stopped_by is None and all(outcome.complete for outcome in self.outcomes.values())


class Evaluation:
    """One evaluation in the folder `out`, whose lock the caller holds.

    Raises ValueError, PermissionError or OSError with a sentence if it cannot be made.
    """

    def __init__(self, out: Path, settings: Settings, manifest: Manifest, *, again: bool) -> None:
        self.out, self.settings, self.manifest, self.again = out, settings, manifest, again
        if not settings.data:
            raise ValueError("--data is missing: name the parquet files of the questions.")
        if settings.model is None:
            raise ValueError("--model is missing: name a checkpoint, or with --base-url what the endpoint serves.")
        self.checkpoint: Checkpoint | None = None
        self._gone: CheckpointGone | None = None

    def run(self, phases: Sequence[str], stop: Stop) -> Report:
        """Do what is left of these phases, in their order."""
        report = Report()
        self._prepare(phases)
        for phase in PHASES:
            if phase not in phases or stop:
                continue
            if phase == "score":
                report.scores = self._score(always=report.did_something or tuple(phases) == ("score",))
                continue
            outcome = self._generate(stop) if phase == "generate" else self._judge(stop)
            report.outcomes[phase] = outcome
            report.did_something |= bool(outcome.done or outcome.failures)
        report.stopped_by = stop.number
        return report

    def _prepare(self, phases: Sequence[str]) -> None:
        """Read the data, compare everything with the manifest, write it."""
        settings = self.settings
        generating = "generate" in phases
        model = self._model_section(needed=generating)
        backbone = self._backbone()
        self.config: DictConfig = training_config(settings, backbone)
        self.options: DictConfig = self.config.mrpo
        for file in settings.data:
            if "://" not in file and not Path(file).expanduser().exists():
                raise ValueError(f"--data {file} does not exist.")
        self.questions = Questions(settings.data, self.config.data, limit=settings.limit)
        self.sampling = sampling_of(settings, self.config)
        sections: dict[str, Any] = {"data": self._data_section()}
        if generating:
            sections |= {"model": model, "generation": self._generation_section(backbone)}
        if "judge" in phases:
            sections["judging"] = judging_section(settings, self.options)
        for line in self.manifest.agree(sections, again=self.again):
            print(f"changed: {line}", file=sys.stderr)
        self.manifest.settings = settings.plain()
        self.manifest.write()
        self.tasks = self._tasks()

    def _model_section(self, *, needed: bool) -> dict[str, Any]:
        settings = self.settings
        if settings.endpoint:
            endpoint, _ = checked_endpoint(settings)
            return {"kind": "endpoint", "name": settings.model, "address": endpoint.url}
        if not needed:
            return {}
        try:
            self.checkpoint = find_checkpoint(str(settings.model))
        except CheckpointGone as error:
            # What it answered is still there: only a question without an answer needs it.
            if "model" not in self.manifest.sections or settings.model != self.manifest.settings.get("model"):
                raise
            self._gone = error
            return self.manifest.sections["model"]
        seen = self.manifest.seen.get("model", {})
        told, self.manifest.seen["model"] = checkpoint_hash(self.checkpoint, seen)
        return {"kind": self.checkpoint.kind, "sha256": told}

    def _backbone(self) -> str | None:
        if self.checkpoint is not None:
            return backbone_of(self.settings, self.checkpoint.model_type)
        earlier = self.manifest.sections.get("generation", {}).get("backbone")
        return self.settings.backbone or earlier

    def _data_section(self) -> dict[str, Any]:
        files = [Path(file).expanduser() for file in self.settings.data]
        hashes = [file_hash(file) if file.is_file() else str(file) for file in files]
        return {"sha256": hashes, "questions": len(self.questions)}

    def _generation_section(self, backbone: str | None) -> dict[str, Any]:
        settings, data = self.settings, self.config.data
        section = {
            "backbone": backbone,
            "condition": settings.condition,
            "sampling": self.sampling,
            "samples": settings.samples,
            "seed": settings.seed,
            "max_response_length": data.max_response_length,
            "max_pixels": self._max_pixels(backbone),
        }
        if settings.endpoint:
            return {**section, "engine": "endpoint", "extra_body": settings.extra_body}
        from recipe.mrpo.evaluate.phases.engines.vllm import engine_arguments

        rollout = self.config.actor_rollout_ref.rollout
        length = int(rollout.max_model_len or data.max_prompt_length + data.max_response_length)
        arguments = engine_arguments(self.config, "", max_model_len=length, images=self.questions.most_images)
        return {
            **section,
            "engine": "vllm",
            "batch": settings.batch,
            "max_prompt_length": data.max_prompt_length,
            "processor": OmegaConf.to_container(data.mm_processor_kwargs, resolve=True)
            if data.get("mm_processor_kwargs") else None,
            "arguments": arguments,
            "versions": versions("verl", "vllm", "torch", "transformers"),
        }  # fmt: skip

    def _max_pixels(self, backbone: str | None) -> int | None:
        row = get_backbone(backbone) if backbone is not None else None
        if self.settings.endpoint:
            return (row and row.max_pixels) or IMAGE_MAX_PIXELS
        return row and row.max_pixels

    def _tasks(self) -> list[Task]:
        sections, settings = self.manifest.sections, self.settings
        kept = {name: value for name, value in sections.get("generation", {}).items() if name != "samples"}
        return tasks_of(
            self.questions,
            samples=sections.get("generation", {}).get("samples", settings.samples),
            seed=sections.get("generation", {}).get("seed", settings.seed),
            condition=sections.get("generation", {}).get("condition", settings.condition),
            input_of=fingerprint([sections.get("model"), kept]),
        )

    def generations(self, *, writable: bool = True) -> AppendLog:
        return AppendLog(self.out / answers.GENERATIONS, failed=answers.failed, writable=writable)

    def _generate(self, stop: Stop) -> Outcome:
        with self.generations() as log:
            if all(log.done(task.id, task.input_hash) for task in self.tasks):
                return Outcome(len(self.tasks), len(self.tasks))
            engine = self._engine()
            try:
                with stop.listening("answers that are whole are kept"):
                    out = generate(self.tasks, log, engine=engine, condition=self.settings.condition, stop=stop)
            finally:
                engine.close()
        if out.complete and (self.out / "merged").is_dir():
            shutil.rmtree(self.out / "merged")
        return out

    def _engine(self) -> Engine:
        settings, length = self.settings, int(self.config.data.max_response_length)
        if settings.endpoint:
            pixels = self.manifest.sections["generation"]["max_pixels"]
            return EndpointEngine(
                settings, self.questions, sampling=self.sampling, max_tokens=length, max_pixels=pixels
            )
        from recipe.mrpo.evaluate.phases.engines.vllm import VllmEngine

        if self.checkpoint is None:
            raise self._gone or ValueError(f"--model {settings.model} is not a checkpoint.")
        folder = str(merged_folder(self.checkpoint, self.out))
        return VllmEngine(self.config, folder, self.questions, sampling=self.sampling, batch=settings.batch)

    def _judge(self, stop: Stop) -> Outcome:
        if not (self.out / answers.GENERATIONS).is_file():
            raise ValueError(f"{self.out} has no {answers.GENERATIONS} yet; run mrpo evaluate generate first.")
        path = self.out / judgements.JUDGEMENTS
        with self.generations(writable=False) as answered, AppendLog(path, failed=judgements.failed) as log:
            phase = JudgePhase(
                self.questions,
                answered,
                log,
                judging=self._judging,
                input_of=fingerprint(self.manifest.sections["judging"]),
                stop=stop,
            )
            with stop.listening("judgements under way are waited for"):
                return phase.run(self.tasks)

    def _score(self, *, always: bool) -> Mapping[str, Any] | None:
        from recipe.mrpo.evaluate.scores.files import SCORES, score_evaluation

        scores = self.out / SCORES
        logs = (self.out / answers.GENERATIONS, self.out / judgements.JUDGEMENTS)
        newest = max((log.stat().st_mtime_ns for log in logs if log.is_file()), default=0)
        if not always and scores.is_file() and scores.stat().st_mtime_ns >= newest:
            return None
        return score_evaluation(self.out)

    def _judging(self) -> Judging:
        real = self.settings.endpoint or has_real_weights(str(self.settings.model), on_cpu=on_cpu())
        check_stand_in(self.options, real_weights=real)
        return Judging(self.settings, self.options)
