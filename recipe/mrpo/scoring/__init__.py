"""What one rollout is worth: its answer, the labels of its steps, its rewards. Without verl.

rollout.py   text and gold answer -> the answer reward; labels -> all rewards
labels.py    whether a judge is asked, and what its answer is worth
offline.py   one completion scored with the offline judge, for trainers without our reward manager
"""
