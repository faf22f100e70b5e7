"""Figures of runs: answers, reasoning, looking or guessing, judges; and the comparison of runs.

options.py      what decides a figure
intervals.py    ratios of columns with intervals, summed by cluster
columns.py      rollouts as numbers, a column for each thing that figures are made of; one pass
outcomes.py     right, wrong or not known, by the rule that was asked for
groups.py       the sets, modalities, organs, question types and answer types that figures are told apart by
answers.py      accuracy with bounds and intervals, pass@k, the difference that can be detected
reasoning.py    valid steps, first failures, what follows them, answers against reasoning
stages.py       early, mid and late first failures for several cut-offs
looking.py      does the model look at the image, or guess from the question?
repeats.py      labels that flip when a judge is asked again
calibration.py  does the probability of an answer say how often it is right?
judging.py      what the judge failed at and used
score.py        all of them, as one nested dict
headline.py     the figures in a few sentences, with what is not known
tables/         the figures as tables: text, Markdown, LaTeX, CSV
published/      the published tables, with their source
compare/        two runs or more on the same questions
files.py        which dumps of a run count together; scores.json of an evaluation
output.py       what `mrpo score` and `mrpo compare` print and write
command.py      `mrpo score`
"""
