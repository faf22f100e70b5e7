"""Runs on the same questions: which is better, by how much, and could it be chance?

run.py         a run's answers by question, and its manifest
comparable.py  may two runs be compared at all?
pairs.py       the paired figures of two runs, by set and over all
changed.py     the questions that one run alone answers right, with their texts
tables.py      the figures as tables and sentences
command.py     `mrpo compare`
"""
