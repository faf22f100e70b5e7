"""Tiny models of the real architectures that answer in the asked format: what a machine without a GPU can train.

``python -m recipe.mrpo.tiny --backbone qwen2_5_vl --data train.parquet --out DIR``. Data flows one way:
rows.py (parquet) -> tokenizer.py (BPE of its text) -> backbones.py (random model, processor) -> targets.py (what to
say) -> warmup.py (supervised steps) -> sampling.py (what it says now); build.py does all of it once per set of inputs.
"""
