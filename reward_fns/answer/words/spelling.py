"""British spellings as American ones: oedema = edema, tumour = tumor, haemorrhage = hemorrhage."""

from __future__ import annotations

import re

_AMERICAN = {
    "haem": "hem", "aemi": "emi", "oedem": "edem", "oesoph": "esoph", "oestr": "estr", "foet": "fet", "caec": "cec",
    "paed": "ped", "gynaec": "gynec", "anaesth": "anesth", "aetiol": "etiol", "faec": "fec", "faces": "faces",
    "leucocyt": "leukocyt", "leucopen": "leukopen", "sulph": "sulf", "rrhoe": "rrhe", "pnoea": "pnea",
    "coeliac": "celiac", "goitre": "goiter", "centre": "center", "fibre": "fiber", "calibre": "caliber",
    "tumour": "tumor", "colour": "color", "grey": "gray", "oeco": "eco", "mould": "mold", "ageing": "aging",
    "manoeuvr": "maneuver", "ischaem": "ischem", "uraem": "urem", "naevus": "nevus", "naevi": "nevi",
}  # fmt: skip
_BRITISH = re.compile("|".join(sorted(_AMERICAN, key=len, reverse=True)))
_ISE = re.compile(r"(?<=[a-z]{4})(?:is(?=(?:ed|ing|ation|ations)\b)|ys(?=(?:ed|ing)\b))")
_DISC = re.compile(r"\bdisc(s?)\b")


def american(text: str) -> str:
    """The lower-case text in American spelling."""
    text = _BRITISH.sub(lambda match: _AMERICAN[match[0]], text)
    text = _ISE.sub(lambda match: match[0][0] + "z", text)
    return _DISC.sub(r"disk\1", text)
