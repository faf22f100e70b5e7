"""Gold reasoning by a model, for the rows that have none.

command.py   `python -m data_preprocess annotate`: options, exit status, what is printed
run.py       which rows are asked about, the requests, the file of results
"""

from data_preprocess.tools.annotate.command import INCOMPLETE, main

__all__ = ["INCOMPLETE", "main"]
