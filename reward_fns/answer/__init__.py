"""Is the answer right? `answer_reward` says how right it is, in [0, 1].

reward.py        the measure itself
similarity.py    ROUGE-1 and BLEU-1
math_gate.py     which pairs of texts math-verify may compare; sandbox.py runs it in a process of its own
words/           what makes no difference between two answers (spelling, numbers, units, synonyms)
conflicts/       what makes two similar answers differ (sides, negation, numbers, opposites)
"""

from reward_fns.answer.reward import AnswerOptions, AnswerScore, PairEncoder, answer_reward

__all__ = ["AnswerOptions", "AnswerScore", "PairEncoder", "answer_reward"]
