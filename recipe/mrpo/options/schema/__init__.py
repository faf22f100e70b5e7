"""Type, range and choices of every option, once; defaults stand only in config/options.yaml.

kinds.py     kinds of values, each with the words that an error uses
options.py   the root `mrpo`, with shaping, steps, metrics and guards
rewards.py   `mrpo.rewards`
judge.py     `mrpo.judge`
check.py     the first fault of a tree, as one sentence that names the option
"""
