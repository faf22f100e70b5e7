"""Tiny models of the real architectures that answer in the asked format: for training on a machine without a GPU.

``python -m recipe.mrpo.tiny --backbone qwen2_5_vl --data train.parquet --out DIR``. Data flows one way:

rows.py         what the builder reads of verl's parquet rows
tokenizer.py    a byte-level BPE of their text
templates.py    chat templates
processors.py   image processors
backbones.py    one row for each architecture: a random model of it
batch.py        rows to tensors
targets.py      what the model is taught to say
warmup.py       supervised steps
sampling.py     what it says now
build.py        all of it, once for each set of inputs
"""
