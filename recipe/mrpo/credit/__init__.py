"""From rewards and step labels to advantages: pure tensors, no verl.

group.py        advantage of a rollout relative to its group
gdpo.py         GDPO: each reward normalised in its group, then over the batch
final_norms.py  the names of GDPO's last normalisation, without torch
token_runs.py   from steps to tokens: a batch as runs of tokens that share one advantage
shaping/        rules that turn step labels into step advantages (`mrpo.shaping`)
"""
