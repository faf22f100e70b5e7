"""math-verify behind a gate: it works in threads and in event loops, and no model output can keep it busy.

`reward_fns.answer.sandbox` is the other way to have it, without the gate, for compat=reference.

math-verify bounds its time by SIGALRM, which only the main thread may set, so its timeouts are off here, and what it
would choke on (towers of powers, factorials, deep nesting, long digit strings, commands beyond arithmetic) is turned
away before it is parsed. Text that is turned away is not accepted; it is then scored by overlap like any other.
"""

from __future__ import annotations

import logging
import math
import re
from functools import cache, lru_cache

logger = logging.getLogger(__name__)

_MAX_DEPTH = 3  # brackets; the LaTeX grammar backtracks, and six levels take half a second
_MAX_OPERATORS = 8
_COMMANDS = frozenset(
    r"frac dfrac tfrac sqrt times cdot div pm pi left right text mathrm mathbf boxed le leq ge geq approx circ degree "
    r"quad infty".split()
)
_COMMAND = re.compile(r"\\([a-zA-Z]+)")
_POWER = re.compile(r"\^|\*\*")
_SMALL_POWER = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3})?\s*(?:\^|\*\*)\s*(?:\{\s*-?\d{1,2}\s*\}|-?\d{1,2}(?!\d))")
_OPERATOR = re.compile(r"[-+*/^=<>]|\\(?:[dt]?frac|sqrt|times|cdot|div|pm)")
_PLAIN_NUMBER = re.compile(r"[\s$]*[-+]?[\d,]*\.?\d+[\s$.]*")
_ARITHMETIC = re.compile(r"[\d\s.+\-*/^(){}$×÷]*")
_ONE_VALUE = _COMMANDS - {"pm", "le", "leq", "ge", "geq", "approx", "infty"}
# Several numbers (math-verify would take the last), a range (it would subtract), a date or a version.
_SEVERAL = re.compile(r"\d\s+\.?\d|\d\s*[-−–]\s*\d|\.\d+\.|/\s*\d+\s*/")
_SIGNED = re.compile(r"[\d)}]\s*\+|[-−–]\W*$")  # a sum (Gleason 3+4), which is not its value, or a sign behind (2+)
_LONG = re.compile(r"\d{16}")
_SLASHED = re.compile(r"(\d+)\s*/\s*(\d+)")


def is_safe(text: str, *, max_chars: int) -> bool:
    """May math-verify see this text? Short, shallow, one small power at most, no command beyond arithmetic."""
    if (
        len(text) > max_chars
        or _LONG.search(text)
        or re.search(r"[eE][-+]?\d{3}|!|\\\\|[\[\]_&|]|\d\s*\(.*\d\s*\(", text)
    ):
        return False
    if any(command not in _COMMANDS for command in _COMMAND.findall(text)):
        return False
    if len(_OPERATOR.findall(text)) > _MAX_OPERATORS:
        return False
    powers = len(_POWER.findall(text))
    if powers > 1 or (powers == 1 and not _SMALL_POWER.search(text)):
        return False
    depth = 0
    for character in text:
        depth += (character in "({") - (character in ")}")
        if not 0 <= depth <= _MAX_DEPTH:
            return False
    return depth == 0


def is_expression(text: str) -> bool:
    """Is this text one arithmetic expression and nothing else: a digit, no words or unit, and more than a plain number?

    A range (2-3), a list, a ratio, a sum (3+4), a date, a number with a sign behind it (2+), an inequality and a
    fraction that is not in lowest terms (120/80) are not expressions: they do not stand for a value.
    """
    if _PLAIN_NUMBER.fullmatch(text) or not re.search(r"\d", text) or _LONG.search(text):
        return False
    if not _ONE_VALUE.issuperset(_COMMAND.findall(text)) or _SEVERAL.search(text) or _SIGNED.search(text):
        return False
    if any(math.gcd(int(a), int(b)) != 1 for a, b in _SLASHED.findall(text)):
        return False
    bare = re.sub(r"\\(?:text|mathrm|mathbf)\b", " words ", text)
    return _ARITHMETIC.fullmatch(_COMMAND.sub(" ", bare).replace("\\", " ")) is not None


def as_math(text: str) -> str:
    """A bare LaTeX expression between dollar signs, without which math-verify reads only the last number of it."""
    return f"${text}$" if "\\" in text and "$" not in text else text


@lru_cache(maxsize=8192)
def math_verify_accepts(prediction: str, gold: str) -> bool:
    """Does math-verify find the two equal? Only for texts that are `is_safe`; False for whatever it cannot parse."""
    parse, verify = load()  # outside: a broken math-verify must not make an answer wrong
    try:
        target = parse(gold, parsing_timeout=None)
        return bool(target) and bool(verify(parse(prediction, parsing_timeout=None), target, timeout_seconds=None))
    except (ArithmeticError, AttributeError, NotImplementedError, RecursionError, TypeError, ValueError) as error:
        # Comparing what was parsed runs arbitrary symbolic code; if it cannot decide, the answer is not accepted.
        _tell_once(type(error).__name__)
        logger.debug("math-verify gave up on %.80r against %.80r: %r", prediction, gold, error)
        return False


@cache
def _tell_once(kind: str) -> None:
    logger.warning("math-verify ended in %s on an answer, which is not accepted; later ones are logged at DEBUG.", kind)


@lru_cache(maxsize=1)
def load():
    """math-verify's `parse` and `verify`."""
    import math_verify  # a second, mostly sympy: only for those who compare expressions

    # It warns once that its timeouts are off; `is_safe` is what bounds it here.
    logging.getLogger("math_verify.parser").setLevel(logging.ERROR)
    logging.getLogger("math_verify.grader").setLevel(logging.ERROR)
    return math_verify.parse, math_verify.verify
