"""The command line of every data set, and the parts that all commands share.

dataset.py      one run: read, convert, write, tell
arguments.py    options with their defaults
numbers.py      numbers that are refused with the option's name
outputs.py      no input is overwritten; files of another source are reported
terminal.py     progress and the summary
exit_status.py  how a command ends: a status and a sentence
"""
