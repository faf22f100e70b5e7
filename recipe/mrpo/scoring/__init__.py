"""What one rollout is worth: its answer, the labels of its steps, its rewards. Without verl.

row.py       the row of the data that a rollout answers, read in one place
rollout.py   text and row -> the answer reward; labels -> all rewards
labels.py    whether a judge is asked, and what its answer is worth
judged.py    one rollout from its text to its record, for training and evaluation
faults.py    errors met on the way: told once, counted, and when they stop the run
offline.py   one completion scored with the offline judge, for trainers without our reward manager
"""
