"""MRPO inside verl 0.9.1: the parts for verl's registries and hooks (`recipe.mrpo.hooks` lists the places).

estimators.py       the advantage estimators `mrpo` and `gdpo`
batch_table.py      the records of a batch as arrays, read once
reward_table.py     the records of a batch as tensors
reward_manager.py   the reward manager `mrpo`
trainer.py          the mixin over verl's trainers
rollout_data.py     the only reader of TransferQueue
step_metrics.py     the metrics of a training step
lost_steps.py       the warning of a run in which most rollouts have no steps
dropped_rows.py     rows that verl leaves out because their prompt is too long
validation_counts.py   how many rollouts the means of a validation stand for
stops.py            reasons to stop a run after a batch
unjudged.py         marks the prompts whose steps are not judged
dumps.py            steps, labels and advantages in verl's JSONL dumps
correlation.py      a guard: do rollout engine and trainer compute one model?
patches/            what mends verl, one file a patch
"""
