"""BERTScore and sentence similarity from a local encoder; torch and transformers are imported when one is made."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)

_GATHER_S = 0.003  # how long a pass that has room waits for the texts of other threads


class EncoderError(ValueError):
    """An encoder that cannot be had; `setting` is the one to change: "path" or "layer"."""

    def __init__(self, message: str, *, setting: str) -> None:
        super().__init__(message)
        self.setting = setting


@dataclass(slots=True, eq=False)
class _Request:
    """A text that is to be embedded; once `done`, it has an `embedded` or an `error`."""

    text: str
    done: bool = False
    embedded: tuple[torch.Tensor, torch.Tensor] | None = None
    error: Exception | None = None

    def result(self) -> tuple[torch.Tensor, torch.Tensor]:
        if self.embedded is None:
            raise self.error or RuntimeError("a text is asked for before its pass is over")
        return self.embedded


class Encoder:
    """Token embeddings of one layer of a BERT-like encoder, cached by text and batched over threads.

    `path` is a directory or a hub id, `layer` counts the embedding output as 0, `device` is cpu, cuda or cuda:N.
    Texts are cut at the encoder's own length limit. Safe to share between threads: texts that several of them ask for
    within a few milliseconds, or while a pass is under way, go through the model together, at most `batch_size` at a
    time. One of the waiting threads does it for all, so that there is no thread to end; an error of the model reaches
    those who asked for the text that caused it.

    Raises EncoderError if the encoder cannot be loaded or has no such layer.
    """

    def __init__(self, path: str, *, layer: int, device: str, batch_size: int, cache_size: int) -> None:
        import torch
        from transformers import AutoModel, AutoTokenizer

        try:
            self._tokenizer = AutoTokenizer.from_pretrained(path)
            self._model = AutoModel.from_pretrained(path, dtype=torch.float32).to(device).eval()
        except (OSError, ValueError, RuntimeError, ImportError, KeyError, AssertionError) as error:
            raise EncoderError(
                f"{path} cannot be loaded on {device} ({type(error).__name__}: {str(error)[:300]}); give a directory "
                "or hub id of a BERT-like encoder, or null to score without one.",
                setting="path",
            ) from error
        layers = self._model.config.num_hidden_layers
        if not 1 <= layer <= layers:
            raise EncoderError(f"{layer} is out of range; {path} has layers 1 to {layers}.", setting="layer")
        if hasattr(self._model, "encoder") and hasattr(self._model.encoder, "layer"):
            self._model.encoder.layer = self._model.encoder.layer[:layer]  # the result does not need the layers above
        self._layer, self._batch_size, self._cache_size = layer, batch_size, cache_size
        self._max_length = min(self._tokenizer.model_max_length, _positions(self._model))
        self._cache: OrderedDict[str, tuple[torch.Tensor, torch.Tensor]] = OrderedDict()
        self._waiting: dict[str, _Request] = {}  # asked for and not done, under way or not
        self._queue: deque[_Request] = deque()  # those that no pass has taken yet
        self._working = False  # is a thread at a pass?
        lock = threading.Lock()
        self._pass_over, self._arrival = threading.Condition(lock), threading.Condition(lock)

    def f1(self, predictions: Sequence[str], references: Sequence[str]) -> list[float]:
        """BERTScore F1 of each pair, in [0, 1] (a negative value, which real encoders do not give, counts as 0).

            P = mean_i max_j cos(p_i, r_j),  R = mean_j max_i cos(p_i, r_j),  F1 = 2PR / (P + R)

        The means leave the special tokens out, the maxima do not; no idf weights, no baseline rescaling. A text
        without tokens scores 0. Source: Zhang et al. 2020, BERTScore, section 3, and its reference implementation.
        """
        if len(predictions) != len(references):
            raise ValueError(f"{len(predictions)} predictions but {len(references)} references")
        embedded = self._embed([*predictions, *references])
        return [_greedy_f1(*embedded[p], *embedded[r]) for p, r in zip(predictions, references, strict=True)]

    def similarity(self, text: str, other: str) -> float:
        """Cosine of the two texts' mean token embeddings, in [0, 1] (below 0 counts as 0); 0 if one has no tokens."""
        embedded = self._embed([text, other])
        means = []
        for vectors, counts in (embedded[text], embedded[other]):
            if not counts.any():
                return 0.0
            means.append(vectors[counts].mean(dim=0))
        cosine = (means[0] @ means[1]) / (means[0].norm() * means[1].norm()).clamp_min(1e-12)
        return min(1.0, max(0.0, float(cosine)))

    def _embed(self, texts: Iterable[str]) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
        """Unit vectors (tokens, width) on the CPU of each text and a mask (tokens,) of those that are not special."""
        found, requests = self._ask(texts)
        while True:
            with self._pass_over:
                self._pass_over.wait_for(lambda: not self._working or all(request.done for request in requests))
                if all(request.done for request in requests):
                    break
                self._working = True
            self._pass()
        for request in requests:
            found[request.text] = request.result()
        return found

    def _ask(self, texts: Iterable[str]) -> tuple[dict[str, tuple[torch.Tensor, torch.Tensor]], list[_Request]]:
        """What the cache holds, and requests for the rest, shared with other threads that ask for the same text."""
        found: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
        requests = []
        with self._arrival:
            for text in dict.fromkeys(texts):
                if text in self._cache:
                    self._cache.move_to_end(text)
                    found[text] = self._cache[text]
                    continue
                if text not in self._waiting:
                    self._waiting[text] = _Request(text)
                    self._queue.append(self._waiting[text])
                requests.append(self._waiting[text])
            self._arrival.notify()
        return found, requests

    def _pass(self) -> None:
        """One forward pass over what waits, in the thread that set `_working`."""
        batch: list[_Request] = []
        try:
            with self._arrival:
                self._arrival.wait_for(lambda: len(self._queue) >= self._batch_size, timeout=_GATHER_S)
                while self._queue and len(batch) < self._batch_size:
                    batch.append(self._queue.popleft())
            self._compute(batch)
        finally:
            with self._pass_over:
                for request in reversed(batch):
                    if not request.done:  # this thread was interrupted; another takes it up
                        self._queue.appendleft(request)
                for request in batch:
                    if request.done:
                        del self._waiting[request.text]
                        if request.embedded is not None:
                            self._cache[request.text] = request.embedded
                while len(self._cache) > self._cache_size:
                    self._cache.popitem(last=False)
                self._working = False
                self._pass_over.notify_all()

    def _compute(self, batch: Sequence[_Request]) -> None:
        try:
            embedded = self._forward([request.text for request in batch])
        except Exception as error:  # whatever a model raises belongs to the threads that wait, not to this one
            if len(batch) == 1:
                batch[0].error, batch[0].done = error, True
                return
            logger.warning("a pass over %d texts failed (%r); they are embedded one by one", len(batch), error)
            for request in batch:
                self._compute([request])
            return
        for request, vectors in zip(batch, embedded, strict=True):
            request.embedded, request.done = vectors, True

    def _forward(self, batch: list[str]) -> list[tuple[torch.Tensor, torch.Tensor]]:
        import torch

        clean = [text.encode("utf-8", "replace").decode("utf-8").strip() for text in batch]  # no lone surrogates
        inputs = self._tokenizer(
            clean,
            padding=True,
            truncation=True,
            max_length=self._max_length,
            return_tensors="pt",
            return_special_tokens_mask=True,
        )
        special = inputs.pop("special_tokens_mask").bool()
        with torch.inference_mode():
            output = self._model(**inputs.to(self._model.device), output_hidden_states=True)
        hidden = torch.nn.functional.normalize(output.hidden_states[self._layer].float(), dim=-1).cpu()
        keep = inputs["attention_mask"].bool().cpu()
        return [(hidden[i][keep[i]].clone(), ~special[i][keep[i]]) for i in range(len(batch))]


def _positions(model: torch.nn.Module) -> int:
    """Number of tokens that the model has positions for.

    RoBERTa and its like (XLM-R, CamemBERT, MPNet) count from padding_idx + 1, so that as many rows of their table of
    positions are never used.
    """
    rows = getattr(model.config, "max_position_embeddings", None) or 512
    table = getattr(getattr(model, "embeddings", None), "position_embeddings", None)
    unused = getattr(table, "padding_idx", None)
    return rows if unused is None else rows - unused - 1


def _greedy_f1(p: torch.Tensor, p_counts: torch.Tensor, r: torch.Tensor, r_counts: torch.Tensor) -> float:
    if not p_counts.any() or not r_counts.any():
        return 0.0
    cosines = p @ r.T
    precision = float(cosines.amax(dim=1)[p_counts].mean())
    recall = float(cosines.amax(dim=0)[r_counts].mean())
    if precision + recall <= 0:
        return 0.0
    return min(1.0, max(0.0, 2 * precision * recall / (precision + recall)))


@lru_cache(maxsize=4)
def get_encoder(path: str, *, layer: int, device: str, batch_size: int, cache_size: int) -> Encoder:
    """The encoder of these settings, made once per process, so that rewards that name the same one share it."""
    return Encoder(path, layer=layer, device=device, batch_size=batch_size, cache_size=cache_size)
