"""What came out of a run, for people.

run_files.py   metrics and dumps of a run folder, checked
recompute.py   the advantages of a dump once more, in plain Python
terminal.py    tables and rollouts in the terminal
"""
