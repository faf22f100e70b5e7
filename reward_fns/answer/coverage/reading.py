"""The statements of an answer: its sentences without denials, comparisons, landmarks and open questions."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

from reward_fns.answer.coverage.stems import stem_of
from reward_fns.answer.words.normalise import ALL_RULES, TOKEN, spell_out, with_units

STOP = frozenset(
    "the of in on at to and is are was were be been being this that these those it its there here with within "
    "inside by for into as image picture scan photo photograph patient patients shows show showing shown seen see "
    "which has have had can also most likely probably appears appear seems suggests suggest suggestive suggesting "
    "consistent represents represent indicates indicate evidence presence present located answer visible some "
    "approximately about very their his her from".split()
)
"""Words without which a short answer says the same."""
_BULLET = re.compile(r"^\s*(?:[-*]\s|•|\d{1,2}[.)](?=\s))\s*")
_SENTENCE = re.compile(r"(?<=[.!?;。！？；])(?<!\bvs\.)\s+(?=\S)")
_CLAUSE = re.compile(
    r"\s*([,:()]|(?<=[^\W\d_])\s?/\s?(?=[^\W\d_])|\b(?:but|however|although|though|while|whereas|because|since|where"
    r"|as(?! well as)|with)\b)\s*"
)
_PIECE = re.compile(rf"{TOKEN.pattern}|[,:()/?]")
VERBS = frozenset(
    "is are was were shows show has have appears appear represents represent contains contain seems lies looks "
    "belongs belong occupies occupy corresponds correspond displays display exhibits exhibit illustrates illustrate "
    "reflects reflect remains remain arises arise originates originate".split()
)
"""Verbs that part what stands before them from what stands behind."""
_VERB = re.compile(
    rf"\b(?:{'|'.join(sorted(VERBS))}|be|been|shown|showing|had|indicates?|measures?|suggests?|seen|may|can|could|does|do"
    r"|seem|demonstrates?|reveals?|depicts?|lie|includes?)\b"
)
_MAX_LIST = 200  # words that are taken for one list
_MAX_FRAGMENT = 4  # words; "Pneumonia. Effusion. Tuberculosis." is a list

_ALL_DENIED = re.compile(
    r"\b(?:is|are|was|were|do|does|did|has|have|had|can|could|may|might|would|will|should)\s+(?:not|never)\b(?! only)"
    r"|\b(?:cannot|(?:is|are|was|were|do|does|did|has|have|had|ca|could|wo|would|should)n['’]?t)\b"
    r"|\b(?:ruled out|excluded|unlikely|improbable|less likely|rejected|no longer)\b"
    r"|\b(?:would(?! be (?:consistent|compatible|in keeping))"
    r"|(?:needed|required|recommended|helpful|useful|advised) (?:for|to|in)"
    r"|(?:may|might|should|could|can) be (?:needed|required|recommended|performed|considered|helpful|useful|ordered"
    r"|complicated|followed|confused|mistaken))\b"
)
NORMAL = frozenset("normal unremarkable clear intact preserved absent healthy spared unaffected".split())
_ALL_NORMAL = re.compile(
    r"\b(?:is|are|was|were|looks?|appears?|seems?|remains?)\s+(?:to be\s+)?(?:\w+ly\s+)?"
    r"(?:absent|normal|unremarkable|clear|unaffected|spared|preserved|intact|healthy)\b"
)
_DENIED_AFTER = re.compile(
    r"[<>](?!\s?[\d.])|\b(?:no|not(?! only)|without|never|neither|nor|none|nothing|absence of|absent|negative for"
    r"|free of|free from|lack of|lacks?|lacking|rather than|instead of|other than|except|excluding|excludes|exclude"
    r"|denies|against)\b"
)
_RELATED_AFTER = re.compile(
    r"\b(?:unlike|opposed to|in contrast to|contrasted with|compared (?:with|to)|relative to|than|different from"
    r"|distinct from|distinguish\w* from|separat\w+(?: \w+){0,2} from|(?:which|that) uses?|mimic\w*|resembl\w*"
    r"|similar to|look(?:s|ed)? like|simulat\w+|followed by|history of|risk (?:of|for)|risk factors? for"
    r"|predispos\w* to|precursor (?:of|to)|complication of)\b"
)
LOCATED_BY = re.compile(
    r"\b(?:adjacent to|next to|near|around|beside|alongside|above|below|behind|between|outside|beneath|under"
    r"|(?<=\w )surrounding|at (?:the )?level of"
    r"|(?:anterior|posterior|lateral|medial|superior|inferior) to|underneath|in front of|abutting|compressing"
    rf"|displacing|overlying|underlying|separate from|away from|close to)\b.*?(?=\b(?:{'|'.join(sorted(VERBS))})\b|$)"
)
_IS_CAUSE = re.compile(
    r"\b(?:is|are|as)(?: an?)?(?: \w+)? (?:cause|complication|mimic|risk factor|sequela)s? (?:of|for)\b"
)
ASKS_RELATION = re.compile(
    r"\b(?:contrasted|compared|differ\w*|distinguish\w*|separat\w+|mimic\w*|resembl\w*|similar|look(?:s|ed)? like"
    r"|simulat\w+|followed|history|risks?|predispos\w*|precursor|complications?)\b"
)
_CAUSED_BY = re.compile(r"\b(?:due to|secondary to|caused by|because of|resulting from)\b")
ASKS_WHY = re.compile(r"\b(?:why|cause[sd]?|causing|reason|due|etiology|because|result)\b")
_OPEN = re.compile(
    r"\b(?:differentials?|possibilities|considerations|cannot be (?:excluded|ruled out|determined|assessed)"
    r"|not (?:be )?(?:excluded|ruled out)|unclear|uncertain|unable to|not possible|impossible|difficult to|hard to"
    r"|insufficient|(?:can(?:no|')t|can not|cannot|could not) (?:tell|say|determine|be sure|rule out|exclude|identify)"
    r"|(?:i|we) (?:cannot|can not|can(?:no|')t|am unable|am not able|are unable)(?: to)?(?! (?:see|find|detect))"
    r"|as an ai|not qualified|not sure|do(?:n't| not) know|unknown|not enough information|(?:could|may|might) also)\b"
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """`stated` and `whole` are words with "," ":" "/" "?" between clauses; `stems` are those of the stated words."""

    stated: tuple[str, ...]
    whole: tuple[str, ...]
    open: bool
    """Does the sentence leave the question open (unclear, cannot be excluded, the differential includes)?"""
    has_verb: bool
    stems: tuple[str, ...] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "stems", tuple(map(stem_of, self.stated)))

    @property
    def stated_text(self) -> str:
        return " ".join(self.stated)


@lru_cache(maxsize=4096)
def read(text: str, keep: frozenset[str] = frozenset()) -> tuple[Sentence, ...]:
    """The sentences of an answer. `keep`: place, cause, denial, normal, relation: such words count as stated, too."""
    sentences: list[Sentence] = []
    for line in text.splitlines():
        line = _BULLET.sub("", line)
        for sentence in _SENTENCE.split(spell_out(line, ALL_RULES)):
            one = _sentence(sentence, keep)
            if not one.whole:
                continue
            last = sentences[-1] if sentences else None
            if last and len(last.whole) < _MAX_LIST and _is_fragment(last) and _is_fragment(one):
                sentences[-1] = Sentence(
                    (*last.stated, ",", *one.stated), (*last.whole, ",", *one.whole), last.open or one.open, False
                )
            else:
                sentences.append(one)
    return tuple(sentences)


def _is_fragment(sentence: Sentence) -> bool:
    last = tuple(reversed(sentence.whole))
    words = last.index(",") if "," in last else len(last)
    return not sentence.has_verb and words <= _MAX_FRAGMENT and bool(sentence.stated)


def _sentence(text: str, keep: frozenset[str]) -> Sentence:
    parts = _CLAUSE.split(text)
    stated: list[str] = []
    for i, clause in enumerate(parts):
        stated.append(f" {clause} " if i % 2 else _stated(clause, keep))
    return Sentence(
        stated=_pieces("".join(stated)),
        whole=_pieces(text),
        open=_OPEN.search(text) is not None,
        has_verb=_VERB.search(text) is not None,
    )


def _pieces(text: str) -> tuple[str, ...]:
    return tuple(_PIECE.findall(with_units(text.replace("'", ""))))


def _stated(clause: str, keep: frozenset[str]) -> str:
    if "denial" not in keep:
        if _ALL_DENIED.search(clause) or ("normal" not in keep and _ALL_NORMAL.search(clause)):
            return ""
        if match := _DENIED_AFTER.search(clause):
            clause = clause[: match.start()]
    if "cause" not in keep and _IS_CAUSE.search(clause):
        return ""
    if "relation" not in keep and (match := _RELATED_AFTER.search(clause)):
        clause = clause[: match.start()]
    if "place" not in keep:
        clause = LOCATED_BY.sub(" ", clause)
    if "cause" not in keep and (match := _CAUSED_BY.search(clause)):
        clause = clause[: match.start()]
    return clause
