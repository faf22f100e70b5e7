"""Which answers are right without a look at their overlap: the same text, quantity, share or expression."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

from reward_fns.answer.conflicts.find import find_conflict
from reward_fns.answer.math_gate import as_math, is_expression, is_safe, math_verify_accepts
from reward_fns.answer.options import AnswerOptions
from reward_fns.answer.words.normalise import ALL_RULES, spell_out, tokens
from reward_fns.answer.words.quantities import Quantity, find_quantities
from reward_fns.answer.words.units import COUNT, PERCENT, SUM

_MAX_WORDS_ABOUT_A_NUMBER = 8  # "there are 4 lesions in the liver" answers "4"; a paragraph with a 4 in it does not
_TEMPERATURES = frozenset({"celsius", "fahrenheit"})
_COUNTS = re.compile(r"\b(?:how many|number of)\b", re.IGNORECASE)
_PART = re.compile(r"(?:^|\band|[,;])\s*(\d{1,3})(?![\w.])")
_BARE_DEGREES = re.compile(r"(?<=\d)\s?([CF])(?!\w)")


def accepted_as(
    prediction: str,
    gold: str,
    p_tokens: tuple[str, ...],
    g_tokens: tuple[str, ...],
    options: AnswerOptions,
    question: str,
) -> str:
    """exact, number or math for a right answer, "" for the others; the tokens are those after options.normalise."""
    if p_tokens and p_tokens == g_tokens:
        return "exact"
    if _same_quantity(prediction, gold, counts=_COUNTS.search(question) is not None) or _same_share(prediction, gold):
        return "number"
    return "math" if _same_expression(prediction, gold, options) else ""


def _same_expression(prediction: str, gold: str, options: AnswerOptions) -> bool:
    """Does math-verify find two values equal, if at least one of them must be computed (2^5 and 32)?

    It sees numbers alone, so no unit, sign or sum may stand beside them (5 cm is not 5%, nor 3+4 4+3 or 7), and what
    our own rules tell apart it is not asked about, unless LaTeX says that it is a root or a fraction to be worked out.
    """
    texts = (prediction, gold)
    if not any(map(is_expression, texts)) or not all(is_expression(text) or _is_bare_count(text) for text in texts):
        return False
    if any(q.bound or q.dimension != COUNT for text in texts for q in _number_and_words(text)[0]):
        return False
    worked_out = any("\\sqrt" in text or "frac{" in text for text in texts)
    if not worked_out and find_conflict(prediction, gold, ("number", "comparison")):
        return False
    written = [as_math(text) for text in texts]
    return all(is_safe(text, max_chars=options.max_math_chars) for text in written) and math_verify_accepts(*written)


def with_degrees(text: str, other: str) -> str:
    """The text with 37.5 C as 37.5 °C where the other answer has a temperature; elsewhere a C is a letter."""
    if not _BARE_DEGREES.search(text) or _TEMPERATURES.isdisjoint(q.dimension for q in _number_and_words(other)[0]):
        return text
    return _BARE_DEGREES.sub(r" °\1", text)


@lru_cache(maxsize=8192)
def _number_and_words(text: str) -> tuple[tuple[Quantity, ...], int]:
    plain = spell_out(text, ALL_RULES)
    quantities = find_quantities(plain)
    return quantities, len(tokens(text, ALL_RULES)) - len(quantities)


def _bare(text: str) -> Quantity | None:
    """The quantity that is all of the text; None for a bound or a sign (<5, 2+), and for 120/80 (not a number)."""
    quantities, words = _number_and_words(text)
    if len(quantities) != 1 or words or quantities[0].bound or not isinstance(quantities[0].as_written, Fraction):
        return None
    return quantities[0]


def _is_bare_count(text: str) -> bool:
    quantity = _bare(text)
    return quantity is not None and quantity.dimension == COUNT


def _same_share(prediction: str, gold: str) -> bool:
    """Is one a bare percentage and the other the number in it or its share of 1: 50% and 50 or 0.5?"""
    p, g = _bare(prediction), _bare(gold)
    if p is None or g is None or {p.dimension, g.dimension} != {COUNT, PERCENT}:
        return False
    percentage, number = (p, g) if g.dimension == COUNT else (g, p)
    written = percentage.as_written
    return isinstance(written, Fraction) and number.as_written in (written, written / 100)


def _before_parts(text: str) -> str:
    """A count without the parts that sum to it: "two lesions, one in each lobe and one in ..." is "two lesions"."""
    plain = spell_out(text, ALL_RULES)
    head, _, tail = next((split for sign in ":;,(" if len((split := plain.partition(sign))[2]) > 1), (plain, "", ""))
    counted = [q.value for q in find_quantities(head)]
    parts = [int(number) for number in _PART.findall(tail)]
    return head if len(counted) == 1 and len(parts) > 1 and sum(parts) == counted[0] else text


def _same_quantity(prediction: str, gold: str, *, counts: bool) -> bool:
    """Is one answer a bare quantity and the other that same quantity in a few words ("4" and "there are 4 lesions")?

    A gold answer may hold one word beside its number ("4 lesions"), or the number is not the whole answer ("type 2
    diabetes"). The prediction may add a unit to a bare number, but not put one in place of what is counted ("4 cm" is
    no answer to "4 lesions", nor to a question that `counts`), and may not leave out the gold's. Both bound the number
    alike (<4 is not 4).
    """
    if counts:
        prediction = _before_parts(prediction)
    (p, p_words), (g, g_words) = _number_and_words(prediction), _number_and_words(gold)
    if len(p) != 1 or len(g) != 1 or (p_words > 0 and g_words > 0) or g_words > 1:
        return False
    if p_words > _MAX_WORDS_ABOUT_A_NUMBER:
        return False
    if (p_words or g_words) and find_conflict(prediction, gold, ("negation",)):
        return False
    if p[0].bound != g[0].bound:
        return False
    if p[0].dimension == g[0].dimension:
        return p[0].value == g[0].value
    return (
        g[0].dimension == COUNT
        and not g_words
        and not counts
        and p[0].dimension != SUM
        and p[0].as_written == g[0].as_written
    )
