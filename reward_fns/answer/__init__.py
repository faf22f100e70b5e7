"""Is the answer right? `answer_reward` says how right it is, in [0, 1].

reward.py        the measure itself
options.py       its options, the node mrpo.rewards.answer
score.py         the parts of a score, and the weighted mean of an answer that is not accepted
accepted.py      the same text, quantity, share or expression: right without a look at the overlap
choices.py       a question that brings its choices may be answered by a letter
coverage/        whether an answer states the gold answer, in a sentence or under another name
terms/           tables of names that mean the same, with their sources
published.py     compat=reference, the published arithmetic
similarity.py    ROUGE-1 and BLEU-1
math_gate.py     which pairs of texts math-verify may compare; sandbox.py runs it in a separate process
words/           differences that do not matter between two answers (spelling, numbers, units, synonyms)
conflicts/       differences that make two similar answers contradict each other (sides, negation, numbers, opposites)
"""

from reward_fns.answer.options import AnswerOptions
from reward_fns.answer.reward import PairEncoder, answer_reward
from reward_fns.answer.score import AnswerScore

__all__ = ["AnswerOptions", "AnswerScore", "PairEncoder", "answer_reward"]
