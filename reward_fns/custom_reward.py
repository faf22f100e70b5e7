"""MRPO's rewards for verl's stock reward managers: a door that verl loads by this file's path.

    reward.custom_reward_function.path=reward_fns/custom_reward.py reward.custom_reward_function.name=compute_score

Options differing from the defaults: +reward.custom_reward_function.reward_kwargs.mrpo.rewards.answer.conflict_cap=0.4
"""

from recipe.mrpo.scoring.offline import compute_score

__all__ = ["compute_score"]
