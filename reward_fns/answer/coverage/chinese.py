"""Coverage and yes/no for Chinese answers, which have no spaces: character by character, with a table of terms."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache

from reward_fns.answer.conflicts.find import find_conflict
from reward_fns.answer.terms.table import chinese_entries
from reward_fns.answer.words.normalise import fold

CJK = re.compile(r"[\u3400-\u9fff]")
_LIGHT = re.compile(r"[的是了在位于为呈个这张图像片中显示所器官组织部脏侧边方面色区域位\s\"“”'‘’()（）:：]")
_ITEMS = re.compile(r"[,，、;；/]|和|及|与|以及")
_CLAUSES = re.compile(r"[,，。；;!！?？]|但|而是")
_DENIED = re.compile(r"并非|排除|无|非|不(?!张|全|规则|规整|均|足|等|良|稳)|没|未")
_OPEN = re.compile(r"或|还是|无法|不确定|不能确定|不清楚|不知道|不能排除|可能是.*也可能")
_YES = re.compile(r"是的?|有|对|包含|包括|存在|会|能|可以|正常|健康|可见|属于")
_YES_NO = re.compile(
    r"(?:是|是的|不是|有|没有|无|没|否|不|对|不对|包含|不包含|包括|不包括|存在|不存在|会|不会|能|不能|可以|不可以|正常|不正常|健康|不健康)[。.]?"
)
_ABNORMAL = re.compile(r"异常|病变|疾病|不健康|不正常|生病")
_NORMAL = re.compile(r"(?<!不)(?:正常|健康)")
_COMPARED = re.compile(r"比[^，。]{1,12}?(?=更|还|要|[大小高低多少长短厚])")
_COUNTED = re.compile(r"([一二两三四五六七八九])(?=[个枚处只颗])")
_DIGITS = dict(zip("一二两三四五六七八九", "1223456789", strict=True))
_COLORS = re.compile(r"[黑白灰红黄蓝绿棕褐粉紫]+")
_SIDES = "左右上下前后内外"


def polarity(text: str, question: str = "") -> str:
    """ "yes", "no" or "" of a Chinese answer to a yes/no question."""
    text = fold(text)
    if _ABNORMAL.search(question) and not _NORMAL.search(question) and _NORMAL.search(text):
        return "no"
    if _NORMAL.search(question) and not _ABNORMAL.search(question) and _ABNORMAL.search(text):
        return "" if re.match(r"[是对]", text) else "no"
    if _OPEN.search(text) or re.search(r"是[和或]否|有没有|是不是", text):
        return ""
    if _DENIED.search(text) or text.startswith("否"):
        return "no"
    return "yes" if _YES.search(text) else ""


def is_yes_no(gold: str) -> bool:
    return _YES_NO.fullmatch(fold(gold).strip()) is not None


def covers(prediction: str, gold: str, question: str, conflicts: Collection[str]) -> bool:
    """Does a Chinese answer state every item of the gold answer, deny none and add no candidate?"""
    prediction, gold = (_COUNTED.sub(lambda m: _DIGITS[m[1]], fold(text).casefold()) for text in (prediction, gold))
    if _OPEN.search(prediction):
        return False
    clauses = [_COMPARED.sub("", clause) for clause in _CLAUSES.split(prediction)]
    clauses = [clause for clause in clauses if clause and not _DENIED.search(clause)]
    if _ABNORMAL.search(question):
        clauses = [clause for clause in clauses if not _NORMAL.search(clause)]
    said = "，".join(clauses)
    items = [item for item in _ITEMS.split(gold) if _core(item)]
    if not items or not all(any(_states(clause, item) for clause in [said, *clauses]) for item in items):
        return False
    if _COLORS.fullmatch(_core(gold)) and set(_COLORS.findall(said)) != {_core(gold)}:
        return False
    if any(side in said and side not in gold and _other(side) in gold for side in _SIDES):
        return False
    kinds = [kind for kind in conflicts if kind != "negation"]
    return find_conflict(said, gold, kinds) is None and not _has_stranger(said, gold)


@lru_cache(maxsize=8192)
def _core(text: str) -> str:
    return _LIGHT.sub("", text)


def _other(side: str) -> str:
    place = _SIDES.index(side)
    return _SIDES[place + 1 - 2 * (place % 2)]


def _states(said: str, item: str) -> bool:
    return any(_core(name) and _holds(_core(said), _core(name)) for name in (item, *_names(item)))


def _holds(said: str, name: str) -> bool:
    """The name itself, or, where it names a side, its characters in another order (左肺下部, 左下肺)."""
    if name in said:
        return True
    return any(side in name for side in _SIDES) and all(character in said for character in name)


@lru_cache(maxsize=4096)
def _names(item: str) -> tuple[str, ...]:
    core = _core(item)
    return tuple(
        name
        for _, names in chinese_entries()
        if any(one == item or (_core(one) and _core(one) == core) for one in names)
        for name in names
    )


def _has_stranger(said: str, gold: str) -> bool:
    """Does the answer name another thing of the gold answer's kind?"""
    known = {kind for kind, names in chinese_entries() for name in names if name in gold}
    own = {name for _, names in chinese_entries() if any(name in gold for name in names) for name in names}
    rest = said
    if (
        "器官" in known
        and "疾病" not in known
        and any(
            kind == "疾病" and name in said and name not in gold and any(part in name for part in own)
            for kind, names in chinese_entries()
            for name in names
        )
    ):
        return True  # 肝囊肿 is not 肝
    for name in sorted((*own, *_ITEMS.split(gold)), key=len, reverse=True):
        if name:
            rest = rest.replace(name, "")
    for item in _ITEMS.split(said):
        if (core := _core(item)) and core not in gold:
            for kind, names in chinese_entries():
                if kind in known and not own & set(names) and any(_core(name) == core for name in names):
                    return True
    return any(
        name in rest
        for kind, names in chinese_entries()
        if kind in known and kind != "其他"
        for name in names
        if len(name) > 1 and name not in own
    )
