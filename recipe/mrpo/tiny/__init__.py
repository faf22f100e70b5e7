"""Tiny models of the real architectures that answer in the asked format: for training on a machine without a GPU.

``python -m recipe.mrpo.tiny --backbone qwen2_5_vl --data train.parquet --out DIR``. Data flows one way:

rows.py         verl's parquet rows as the builder reads them
tokenizer.py    a byte-level BPE of their text
templates.py    chat templates
processors.py   image processors
backbones.py    one row for each architecture: a random model of it
published.py    config.json in the layout of the published checkpoints
batch.py        rows to tensors
targets.py      the responses that the model is taught
warmup.py       supervised steps
sampling.py     the responses that it gives now
build.py        all of it, once for each set of inputs
"""
