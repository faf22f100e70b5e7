"""Labels without a judge model: a step is valid while the model still gets to the right answer from there.

judge.py     the judge
labels.py    right continuations of each prefix -> labels
grading.py   a continuation -> right, wrong or unknown, by the answer reward
settings.py  the options `mrpo.judge.continuations`
cost.py      calls and tokens, before anything is asked
"""
