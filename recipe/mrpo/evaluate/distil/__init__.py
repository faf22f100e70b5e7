"""`mrpo judge distil`: the labels that a run has paid for, as data that teaches a smaller judge.

command.py  the command line
taught.py   labelled rollouts of runs, their images, what is private; what is left out is counted
split.py    which rollouts are held out: no image is on both sides
rows.py     a rollout -> the judge's own request and the reply that it would have to give
files.py    parquet for verl's SFT trainer, a dump for `mrpo judge audit`
"""
