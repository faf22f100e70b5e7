"""How right is a short answer? The answer reward of arXiv 2606.31825, not to be fooled by sides, counts and units."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

from reward_fns.answer.accepted import accepted_as, with_degrees
from reward_fns.answer.choices import Choices, read_choices
from reward_fns.answer.conflicts.find import find_conflict
from reward_fns.answer.coverage.covered import covers, is_part
from reward_fns.answer.coverage.gold import with_nouns
from reward_fns.answer.coverage.yes_no import is_chinese_yes_no, says
from reward_fns.answer.options import AnswerOptions
from reward_fns.answer.published import published_draft
from reward_fns.answer.score import AnswerScore, Draft, mixed, parts_of
from reward_fns.answer.similarity import bleu1, rouge1_f1, stem
from reward_fns.answer.words.normalise import ALL_RULES, tokens

logger = logging.getLogger(__name__)


class PairEncoder(Protocol):
    """What the answer reward needs of `reward_fns.bertscore.Encoder`."""

    def f1(self, predictions: Sequence[str], references: Sequence[str]) -> list[float]: ...


def answer_reward(
    prediction: str | None,
    gold: str | Sequence[str],
    *,
    options: AnswerOptions,
    encoder: PairEncoder | None,
    completion: str | None = None,
    question: str = "",
) -> AnswerScore:
    """Agreement of an answer with the gold answer, or with the best of several, in [0, 1].

        R_ans = 1                                                     if accepted
              = 0.25 ROUGE-1 F1 + 0.25 BLEU-1 + 0.5 BERTScore F1      otherwise (weights: options.mix)
        R_ans = min(R_ans, conflict_cap)                              if not accepted and the answers conflict

    Accepted: equal after normalisation; the same quantity (3.5 cm = 35 mm, 50% = 0.5); math-verify finds an expression
    equal to a number without a unit or to another expression; or the answer states the gold answer, in a sentence or
    under another name (options.accept = "covered", see `covers`; "exact" leaves this out). `question` says which words
    of the gold answer need not be said again, and what the answer must not contradict.
    If the question brings its choices ("A: CT B: MRI"), the gold answer may be one of their letters or texts, and so
    may the answer; an answer that picks another letter scores 0.
    A yes/no gold answer is scored 0 or 1 (options.yes_no: sentence, see `polarity`; leading: the first word decides;
    exact; mix: like the rest).
    Conflicts: see `find_conflict`. Only the answer is looked at, never the reasoning. Without an encoder the other
    weights are scaled to sum to 1, the parts say encoder 0 and a warning is logged once; with accept = "covered" an
    answer that is not accepted then scores conflict_cap at most, and 0 if it says more than a part of the gold answer,
    for overlap ranks a sibling ("left kidney") above a paraphrase. An empty prediction scores 0;
    characters beyond options.max_chars are not looked at. The encoder is asked once, for all gold answers.

    options.compat = "reference" is the published arithmetic with its quirks: math-verify reads the whole `completion`
    (the prediction, if that is all there is), so that any number in the reasoning can be the answer and "2 lesions" is
    "2 masses"; ROUGE-1 on stems of ASCII words, BLEU-1 on white-space tokens with their case; without an encoder its
    half of the mix is missing, and only math-verify lifts an answer above 0.5. It deviates in three points: parsing and
    comparing together have options.math_timeout_s and 4 GiB (there: 5 s each, by a signal that long computations
    ignore), in a separate process (`sandbox`); the best of several gold answers counts; and a completion
    without an answer has no overlap.

    Raises ValueError if there is no gold answer; RuntimeError if compat = "reference" cannot start its process.
    Source: arXiv 2606.31825, reward definition; its released code.
    """
    golds = [gold] if isinstance(gold, str) else list(gold)
    if not golds:
        raise ValueError("an answer reward needs at least one gold answer")
    reference = options.compat == "reference"
    if encoder is None:
        with _TELLING:  # answers are rated in threads, and lru_cache lets several in before the first one returns
            _warn_without_encoder(reference)
    common = {"encoder": float(encoder is not None), "empty": 0.0, "truncated": 0.0}
    answer = prediction or ""
    if not answer.strip():
        common["empty"] = 1.0
        if not reference:
            return AnswerScore(0.0, {**parts_of(), **common, "reference": 0.0})
    if reference:
        read = answer if completion is None else completion
        drafts = [published_draft(answer, one, read, options) for one in golds]
    else:
        if len(answer) > options.max_chars:
            answer, common["truncated"] = answer[: options.max_chars], 1.0
        golds = [one[: options.max_chars] for one in golds]
        drafts = [_draft(answer, one, question[: options.max_chars], options) for one in golds]
    scores = _finish(drafts, answer, golds, options, encoder)
    best = max(scores, key=lambda i: scores[i].value)
    return AnswerScore(scores[best].value, {**scores[best].parts, **common, "reference": float(best)})


def _draft(prediction: str, gold: str, question: str, options: AnswerOptions) -> Draft:
    if options.accept == "covered" and (choices := read_choices(question)) and (letter := choices.letter_of(gold)):
        if picked := choices.picked(prediction):
            right = picked == {letter} and not _says_another(prediction, letter, choices, options)
            return Draft(float(right), parts_of(accepted="choice" if right else ""), {})
        if _says_another(prediction, letter, choices, options):
            return Draft(0.0, parts_of(), {})
        gold, question = choices.texts[letter], choices.question
    prediction, gold = with_degrees(prediction, gold), with_nouns(with_degrees(gold, prediction))
    gold_words = tokens(gold, ALL_RULES)
    if options.yes_no != "mix" and (
        gold_words in (("yes",), ("no",)) or (options.yes_no == "sentence" and is_chinese_yes_no(gold))
    ):
        right = says(prediction, gold, question, options.yes_no)
        return Draft(float(right), parts_of(accepted="yes_no" if right else ""), {})
    p_tokens, g_tokens = tokens(prediction, options.normalise), tokens(gold, options.normalise)
    accepted = accepted_as(prediction, gold, p_tokens, g_tokens, options, question)
    if not accepted and options.accept == "covered" and covers(prediction, gold, question, options.conflicts):
        accepted = "covered"
    if accepted:
        return Draft(1.0, parts_of(accepted=accepted), {})
    conflict = find_conflict(prediction, gold, options.conflicts) or ""
    other = options.accept == "covered" and not is_part(prediction, gold, question)
    overlap = {"rouge1": rouge1_f1(stem(p_tokens), stem(g_tokens)), "bleu1": bleu1(p_tokens, g_tokens)}
    return Draft(None, parts_of(conflict=conflict), overlap, says_other=other)


def _says_another(prediction: str, letter: str, choices: Choices, options: AnswerOptions) -> bool:
    """Does the answer state another choice, which is no part of the right one, and not the right one's words?"""
    own = choices.texts[letter]
    for other, text in choices.texts.items():
        said = other != letter and covers(prediction, text, choices.question, options.conflicts)
        if said and not covers(own, text, choices.question, options.conflicts):
            return True
    return False


def _finish(
    drafts: Sequence[Draft],
    prediction: str,
    golds: Sequence[str],
    options: AnswerOptions,
    encoder: PairEncoder | None,
) -> dict[int, AnswerScore]:
    """Scores by index of the gold answer: only the accepted ones (no score is higher) if there are any, or all."""
    settled = {i: AnswerScore(d.settled, d.parts) for i, d in enumerate(drafts) if d.settled is not None}
    open_ = [i for i, draft in enumerate(drafts) if draft.settled is None]
    if not open_ or any(score.value == 1.0 for score in settled.values()):
        return settled
    similar: Sequence[float | None] = [None] * len(open_)
    if encoder is not None:
        similar = encoder.f1([prediction.strip()] * len(open_), [golds[i].strip() for i in open_])
    return settled | {i: mixed(drafts[i], f1, options) for i, f1 in zip(open_, similar, strict=True)}


_TELLING = threading.Lock()


@lru_cache(maxsize=2)
def _warn_without_encoder(reference: bool) -> None:
    if reference:
        meant = "its half of the mix is missing (compat=reference), and no answer scores above 0.5 by its overlap."
    else:
        meant = "the answer reward is ROUGE-1 and BLEU-1 alone, their weights scaled to sum to 1."
    logger.warning(
        "mrpo.rewards.answer.encoder is not set: %s Published figures use BERTScore with BiomedBERT as well.", meant
    )
