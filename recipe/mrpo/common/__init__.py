"""Small pieces that several rooms share; nothing of reinforcement learning is in here.

environment.py      environment variables that are read or handed on, each named once
help_text.py        how `--help` of every command looks
images.py           how an untrusted image is read
jsonl.py            files with one JSON object a line
load.py             a user's own part, by `package.module:name` or `folder/file.py:name`
one_process.py      one process for one folder
plain.py            a group of options as plain values
post_import.py      callbacks right after a module was imported
printable.py        untrusted text as a terminal and a log may show it
registry.py         names to objects
response_format.py  the tags of the response format
signals.py          signals that ask a process to end, as an exception
source.py           what a module has, read from its source
table_command.py    the command of a table
time_limit.py       a user's own code under a limit of time
whole_file.py       files that are whole or not there
"""
