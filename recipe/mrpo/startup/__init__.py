"""A run's configuration between Hydra and Ray: completed, or refused with one sentence.

before_ray.py          entry: puts `prepare` before verl's own check of a configuration
prepare.py             fills in the options and asks all checks
verl_settings.py       settings of verl itself that MRPO cannot run with
verl_hooks.py          the places of verl that MRPO is put into are still there
backbone.py            the settings are those of the checkpoint's family
levels.py              vLLM and the trainer take the checkpoint's output layer
plan.py                what will not fit on this machine, said before Ray starts
judge_and_rewards.py   the judge and the rewards that the options ask for can be made
continuations_cost.py  the cost of labels by continuations, told before it is paid
checkpoint.py          warnings of steps that the checkpoint would lose
data_rows.py           every row of the data can be trained on
data_files.py          the files of the data, opened as verl opens them
prompt_and_images.py   prompt and images of a row fit together
several_images.py      what rows with several images need room for
uploads.py             verl's own loggers keep private rows here
compose.py             the same configuration without starting a run (DRY_RUN=1)
"""
