"""The tokenizer and chat template of a checkpoint, tried on one answer in the response format."""

from __future__ import annotations

import json
import os
from pathlib import Path

from recipe.mrpo.backbones import BACKBONES, get_backbone
from recipe.mrpo.common.response_format import TAG, THINK_TAGS
from recipe.mrpo.rollout.probe import Finding, probe_response_format


def try_checkpoint(path: str, asked_tag: str | None = None, backbone: str | None = None) -> list[Finding]:
    """What the checkpoint would lose of a model answer, one sentence each; [] for nothing.

    `path`: a folder, or a hub id, which is tried only if it is in the hub's cache. `asked_tag`: the think tag that the
    prompts of the data ask for, if known. `backbone`: name of the row; by default that of the checkpoint's model_type.
    """
    folder = _folder(path)
    if folder is None:
        return []
    config = _json(folder / "config.json")
    rows = BACKBONES.values() if backbone is None else [get_backbone(backbone)]
    row = next((row for row in rows if row.model_type == config.get("model_type")), None)
    try:
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    except Exception as error:  # tokenizers raises nothing narrower for a file that it cannot read
        reason = str(error).strip().partition("\n")[0][:200]
        return [Finding(True, f"the tokenizer of {path} cannot be loaded ({type(error).__name__}: {reason}).")]
    return probe_response_format(
        tokenizer,
        think_tag=asked_tag or THINK_TAGS[0] if row is None else row.think_tag,
        asked_tag=asked_tag,
        eos=None if row is None else row.eos,
        stop_tokens=_stop_tokens(tokenizer, _json(folder / "generation_config.json")),
        chat_template=None if tokenizer.chat_template else _json(folder / "chat_template.json").get("chat_template"),
    )


def asked_tag(file: Path) -> str | None:
    """The think tag that the first prompt of a parquet file asks for; None if it asks for none or cannot be read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        first = next(pq.ParquetFile(file).iter_batches(batch_size=1, columns=["prompt"]), None)
    except (pa.ArrowException, OSError, KeyError):
        return None  # the checks of the data tell it
    text = str(first.to_pylist()) if first is not None else ""
    return next((name for _, name in TAG.findall(text.lower()) if name in THINK_TAGS), None)


def _folder(path: str) -> Path | None:
    folder = Path(os.path.expanduser(path))
    if os.path.isdir(folder):
        return folder
    if path.count("/") != 1 or path.startswith(("/", "~", ".")):
        return None
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        cached = try_to_load_from_cache(path, "tokenizer.json")
    except HFValidationError:  # neither a folder nor a name of the hub
        return None
    return Path(cached).parent if isinstance(cached, str) else None


def _json(file: Path) -> dict:
    try:
        content = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _stop_tokens(tokenizer, generation: dict) -> list[str]:
    ids = generation.get("eos_token_id")
    ids = ids if isinstance(ids, list) else [ids]
    return [token for token in tokenizer.convert_ids_to_tokens([i for i in ids if isinstance(i, int)]) if token]
