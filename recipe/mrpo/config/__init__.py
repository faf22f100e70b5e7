"""Hydra configurations: the study's settings, runs without a GPU, SFT, and every option of MRPO with its default.

mrpo.yaml        verl's ppo_trainer with the study's settings
mrpo_cpu.yaml    the same trainer for tiny models on a machine without a GPU
mrpo_sft.yaml    verl's SFT trainer on gold reasoning
backbone/        settings of a family, chosen by backbone=NAME
options.yaml     every option of MRPO with its default
search_path.py   makes the names above known to verl's programs
"""
