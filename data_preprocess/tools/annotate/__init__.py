"""Gold reasoning by a model, for the rows that have none.

command.py   `python -m data_preprocess annotate`: options, exit status, printed text
run.py       which rows are asked about, several at a time, and the file of results
asking.py    one row: calls, retries, checks of the reply
counts.py    the calls of a run, done and still permitted
"""

from data_preprocess.tools.annotate.command import INCOMPLETE, main

__all__ = ["INCOMPLETE", "main"]
