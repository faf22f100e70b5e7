"""Measures judges and models.

rollouts.py       the one reader of rollouts: training runs, dump files, evaluations
rows/             rows of files made rollouts, checked
ids.py            stable names of questions and rollouts
phases/           `mrpo evaluate`: answers of a model, judgements of them, each phase resumable
data_rows.py      rows of the data again, for their images
checkpoints.py    notes the saved checkpoints of a training, for `mrpo evaluate --queue`
judge_audit/      how far two judges agree on the steps of a run
distil/           labels of runs as data that teaches a judge
scores/           `mrpo score`, `mrpo compare`: figures of runs, tables, published figures
cache_command.py  entries and size of a label cache
statistics/       intervals, paired comparisons, power
"""
