"""A drawn world: made-up scans of 84 x 84 pixels, read in a chain of observations by a tiny vision-language model.

words.py        attributes, their values, and the sentences that state them
question.py     a question: which attributes are read, in which order, and how many depend on the one before
scene.py        seeded scenes, and which belong to training, test and shifted test
picture.py      a scene as an image
rows.py         scenes as rows of verl's parquet, by the package's own schema
judge.py        exact judges, degraded by option: mrpo.judge.name=recipe.mrpo.worlds.drawn.judge:scene, or …:local
lessons.py      what the start model is taught: right chains with errors, early ones most
start.py        the start model, made once
policy.py       the model as a policy: prompts, sampling, log-probabilities
direct.py       one run without verl, for many seeds
command.py      the command line of data and start model
training.py     one arm as verl's command
measure.py      accuracy and where reasoning fails first, by exact labels of verl's dumps

Nothing here is medical. python -m recipe.mrpo.worlds.drawn makes data and start model.
"""
