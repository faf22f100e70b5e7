"""Rewards as plain functions of strings and numbers: usable from any trainer, importing neither verl nor torch.

registry.py       the types: input, result and name of a reward
build.py          options under mrpo.rewards -> rewards, `answer` first
builtin.py        the rewards that come with the package, as factories of their options
answer/           is the answer right?
process.py        how much of the reasoning holds?
length.py         is the reasoning neither too short nor too long?
format.py         does the completion keep to the response format?
semantic.py       does the reasoning mean the same as the gold reasoning?
bertscore.py      the encoder that answer and semantic may compare texts by
gold_answers.py   the reference answers of a row
choices.py        multiple choice: an answer by letter or by text
long_answer.py    the answer reward of reports, sentence by sentence
custom_reward.py  a door: verl's stock reward managers load it by its path
"""
