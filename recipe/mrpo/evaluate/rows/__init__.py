"""Rows of files made rollouts, checked field by field; the files are not trusted.

rollout.py     one rollout, as every analysis reads it
record.py      what is read of a record (`mrpo` in a dump or a judgement), and its faults
dump.py        rows of verl's JSONL dumps
evaluation.py  generations and judgements of `mrpo evaluate`, joined by id
"""
