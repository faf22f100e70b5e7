"""Gold reasoning by a model, for the rows that have none.

command.py   `python -m data_preprocess annotate`: options, exit status, what is printed
run.py       which rows are asked about, several at a time, and the file of results
asking.py    one row: calls, retries, checks of the reply
counts.py    what a run has done and may still do
"""

from data_preprocess.tools.annotate.command import INCOMPLETE, main

__all__ = ["INCOMPLETE", "main"]
