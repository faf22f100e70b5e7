"""`mrpo doctor`: one file a check, each a function of plain values that returns a Check.

command.py     the command line: which checks run, what is printed
check.py       what one check found
versions.py    are the versions installed that were tested together?
plugin.py      does verl load the plugin, here and in worker processes, and does it have all places for it?
device.py      is there a GPU, or was a run without one asked for?
disk.py        room for checkpoints, and shared memory
judge.py       can the judge be reached, and may it see this data?
dataset.py     can the rows be read?
model.py       can verl train this checkpoint?
checkpoint.py  its tokenizer and chat template, tried on one answer
levels.py      do vLLM and the trainer take the same output layer of it?
plan/          `mrpo doctor --plan`
"""

from recipe.mrpo.doctor.check import Check

__all__ = ["Check"]
