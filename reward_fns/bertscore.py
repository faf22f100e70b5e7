"""BERTScore and sentence similarity from a local encoder; torch and transformers are imported when one is made."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


class EncoderError(ValueError):
    """An encoder that cannot be had; `setting` is the one to change: "path" or "layer"."""

    def __init__(self, message: str, *, setting: str) -> None:
        super().__init__(message)
        self.setting = setting


class Encoder:
    """Token embeddings of one layer of a BERT-like encoder, cached by text.

    `path` is a directory or a hub id, `layer` counts the embedding output as 0, `device` is cpu, cuda or cuda:N.
    Texts are cut at the encoder's own length limit. Safe to share between threads.

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
            self._model.encoder.layer = self._model.encoder.layer[:layer]  # what lies above would be computed in vain
        self._layer, self._batch_size, self._cache_size = layer, batch_size, cache_size
        positions = getattr(self._model.config, "max_position_embeddings", 512)
        self._max_length = min(self._tokenizer.model_max_length, positions)
        self._cache: OrderedDict[str, tuple[torch.Tensor, torch.Tensor]] = OrderedDict()
        self._lock = threading.Lock()

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
        found: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
        with self._lock:
            missing = []
            for text in dict.fromkeys(texts):
                if text in self._cache:
                    self._cache.move_to_end(text)
                    found[text] = self._cache[text]
                else:
                    missing.append(text)
            for start in range(0, len(missing), self._batch_size):
                batch = missing[start : start + self._batch_size]
                found.update(zip(batch, self._forward(batch), strict=True))
            for text in missing:
                self._cache[text] = found[text]
            while len(self._cache) > self._cache_size:
                self._cache.popitem(last=False)
        return found

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
