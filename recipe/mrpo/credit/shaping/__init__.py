"""Rules that turn step labels into step advantages, chosen by `mrpo.shaping`; one file a rule.

registry.py     Shaping, register_shaping, get_shaping: rules by name, or a user's own by `module:name`; no torch
mrpo.py         step credit, the method of this package (arXiv 2606.31825)
step_credit.py  the same with its parts by option: form of the factor, valid steps, right rollouts, later steps
factors.py      forms of the factor of an invalid step
srar.py         each step's label against the same step of its group, added to A_i (arXiv 2605.17291)
none.py         GRPO: every step keeps the rollout's advantage
vppo.py         the steps before the first error are rewarded (idea of arXiv 2601.18984)
pgrpo.py        the process reward counts only where the answer is right (arXiv 2508.05170)
apply.py        calls a rule with its options and checks its result
contract.py     the laws that every rule keeps, checked at start-up for a user's own
"""

from recipe.mrpo.credit.shaping.registry import Shaping, get_shaping, register_shaping

__all__ = ["Shaping", "get_shaping", "register_shaping"]
