"""Scores as tables: in the terminal, in a paper, in a spreadsheet.

table.py    a table of figures, and its four formats
answers.py  accuracy by set, answer type and other groups
reasoning.py  valid steps, stages, FFP and FAR
others.py   looking or guessing, repeats, calibration, the judge
every.py    all tables of a run's scores, and their files
"""
