"""Does this machine train? Small real runs and comparisons, each in its own bounded process: `make gpu-check`.

command.py       `mrpo doctor --run`: the checks one after the other, JSON and Markdown
table.py         the checks: the pieces that each needs, its time limit
result.py        ok, failed (with the remedy), not possible here (with the missing piece)
machine.py       what is installed here, and the GPU
setting.py       what a check is told: folder, device, sizes
child.py         one check in a process of its own
page.py          the Markdown block of docs/gpu.md
rows.py          questions about drawn images, as a user's own data set
made.py          parquet files and tiny models, made once
batch.py         made-up rollouts for the estimators
estimators.py    `mrpo` on the device: against float64, and beside verl's GRPO
encoder.py       BERTScore on the device
backbones.py     tiny models of all families: loss with shaped advantages in bf16 against float32
weight_sync.py   weights from process to process, and its time limit
verl_run.py      one run of verl as a process, and what it left
training.py      real runs of verl's PPO trainer: 3 steps, LoRA, the correlation guard
supervised.py    a real run of verl's SFT trainer
real_model.py    3 steps of a real checkpoint, measured beside the planner's figures

Without a CUDA device all that needs none runs on the CPU.
"""
