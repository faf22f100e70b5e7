"""Small synthetic worlds in which every step has an exact label, so that claims about step credit can be tested.

world.py     a case of K clues, read step by step; when a step is valid: what both worlds share
judges.py    how an exact judge is degraded on purpose
arms.py      the arms that are compared: the same samples and updates, another advantage
credit.py    the advantage of every step, by the package's own functions
compare.py   arms against a baseline over paired seeds
chain/       a world of seconds: no image, a small policy, the package's own arithmetic
drawn/       a world of minutes: made-up scans, a tiny vision-language model, verl's own loop
evidence/    every comparison of docs/evidence.md by one command that can be interrupted

Nothing here is medical, and nothing of it is ever mixed with medical data. What was asked of the worlds and what came
out: docs/evidence.md.
"""
