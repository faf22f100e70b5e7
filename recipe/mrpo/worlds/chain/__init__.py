"""A chain of K choices in which a later right value may depend on the value before: errors are inherited.

scene.py     scenes, right values, labels
policy.py    a small network that chooses step by step, and its supervised start
train.py     one run: sample, judge, reward, credit, update; all arithmetic of credit is the package's own
curve.py     one seed as a curve, for the quickstart
experiment.py  arms x seeds, kept and resumed, as a table: python -m recipe.mrpo.worlds.chain
"""
