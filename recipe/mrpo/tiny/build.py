"""One tiny model from one parquet file, made once for each set of inputs."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from recipe.mrpo.tiny.rows import Row, read_rows
from recipe.mrpo.tiny.targets import Noise, gold

MANIFEST = "tiny_model.json"
MAX_VOCABULARY = 1536
BATCH_SIZE = 8
LEARNING_RATE = 7e-3
NOISE = Noise(wrong_step=0.3, wrong_end=0.4, drop=0.3, extra=0.2)
SAMPLED_ROWS, SAMPLES_PER_ROW = 8, 8
MAX_NEW_TOKENS = 128

# Model and tokenizer depend on these too.
_LIBRARIES = ("torch", "transformers", "tokenizers")


@dataclass(frozen=True, slots=True)
class Built:
    """Where the model is, whether it was there already, and its manifest (key, inputs, shares and examples)."""

    path: Path
    reused: bool
    manifest: dict


def cache_key(*, backbone: str, seed: int, steps: int, data: bytes) -> str:
    """SHA-256 over the inputs, the versions of the libraries and the source of this builder."""
    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    libraries = {name: version(name) for name in _LIBRARIES}
    inputs = dict(backbone=backbone, seed=seed, steps=steps, data=hashlib.sha256(data).hexdigest(), libraries=libraries)
    digest.update(json.dumps(inputs, sort_keys=True).encode())
    return digest.hexdigest()


def build(*, backbone: str, data: Path, out: Path, seed: int, steps: int, progress: Callable[[str], None]) -> Built:
    """Write the model, its processor and a manifest to `out`; leave `out` alone if it holds just that model.

    steps: of the warm-up; 0 leaves the weights random. The same inputs give the same weights on the same machine.
    Raises ValueError for an unknown backbone, for rows that cannot be used, and when `out` holds anything else than a
    tiny model of ours, which would be lost.
    """
    from recipe.mrpo.tiny.backbones import get_backbone

    get_backbone(backbone)
    key = cache_key(backbone=backbone, seed=seed, steps=steps, data=data.read_bytes())
    found = _manifest(out)
    if found.get("key") == key:
        return Built(out, True, found)
    rows = read_rows(data)
    taught = [row for row in rows if row.sentences]
    if steps and not taught:
        raise ValueError(
            f"no row of {data} has gold reasoning, which the warm-up teaches: give data_preprocess --gold-reasoning, "
            "or leave the weights random with --no-warmup."
        )
    if len(taught) < len(rows):
        progress(
            f"{len(rows) - len(taught)} of {len(rows)} rows have no gold reasoning; they serve the tokenizer alone"
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as scratch:
        # Made beside `out` and moved there whole: an interrupted build leaves no half of a model.
        made = Path(scratch) / "model"
        report = _make(backbone, rows, taught, made, seed=seed, steps=steps, progress=progress)
        manifest = dict(key=key, backbone=backbone, seed=seed, steps=steps, data=data.name, **report)
        (made / MANIFEST).write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")
        if out.exists():
            shutil.rmtree(out)
        made.rename(out)
    return Built(out, False, manifest)


def _manifest(out: Path) -> dict:
    if not out.exists():
        return {}
    path = out / MANIFEST
    if path.is_file():
        return json.loads(path.read_text())
    if out.is_dir() and not any(out.iterdir()):
        return {}
    raise ValueError(f"{out} exists and is not a tiny model of this builder; choose another --out, or remove it.")


def _make(name: str, rows: Sequence[Row], taught: Sequence[Row], out: Path, *, seed: int, steps: int, progress) -> dict:
    from recipe.mrpo.tiny.backbones import MAX_POSITIONS, build_random, get_backbone
    from recipe.mrpo.tiny.published import rewrite
    from recipe.mrpo.tiny.sampling import sample, shares
    from recipe.mrpo.tiny.templates import CHAT_WORDS
    from recipe.mrpo.tiny.tokenizer import train_tokenizer
    from recipe.mrpo.tiny.warmup import warm_up

    backbone = get_backbone(name)
    tokenizer = train_tokenizer(
        [CHAT_WORDS, *(text for row in rows for text in (row.text, gold(row)))],
        max_size=MAX_VOCABULARY,
        special=backbone.special,
        named=backbone.named,
        owned=backbone.owned,
        max_length=MAX_POSITIONS,
    )
    with _reproducible(seed):
        model, processor = build_random(backbone, tokenizer)
        progress(f"{name}: {model.num_parameters():,} parameters, vocabulary of {len(tokenizer):,}")
        if steps:
            warm_up(
                model,
                processor,
                taught,
                steps=steps,
                batch_size=BATCH_SIZE,
                learning_rate=LEARNING_RATE,
                noise=NOISE,
                seed=seed,
                progress=progress,
            )
        spread = (taught or rows)[:: max(1, len(taught or rows) // SAMPLED_ROWS)][:SAMPLED_ROWS]
        samples = sample(model, processor, spread, per_row=SAMPLES_PER_ROW, max_new_tokens=MAX_NEW_TOKENS)
    model.save_pretrained(out)
    if backbone.layout is not None:
        rewrite(out, backbone.layout)
    processor.save_pretrained(out)
    return dict(
        parameters=model.num_parameters(),
        vocabulary=len(tokenizer),
        shares=asdict(shares(samples, SAMPLES_PER_ROW)),
        examples=[dict(gold=one.row.answer, text=one.text) for one in samples[:: 2 * SAMPLES_PER_ROW][:3]],
    )


@contextmanager
def _reproducible(seed: int) -> Iterator[None]:
    """Seeded, and on one thread: the sums come in one order, and two threads on two busy cores would mostly wait."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(threads)
