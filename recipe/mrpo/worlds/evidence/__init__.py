"""All comparisons of docs/evidence.md by one command that can be interrupted: python -m recipe.mrpo.worlds.evidence.

jobs.py      one run and its result, a JSON file
chain.py     jobs of the chain world
drawn.py     jobs of the drawn world, each a real verl run
direct.py    jobs of the drawn world without verl: learning rates, and many seeds
runner.py    does what is left, tells progress and time left
figures.py   the numbers of a comparison, for tables and page
report.py    tables of what is there, with paired intervals
command.py   the command line
"""
