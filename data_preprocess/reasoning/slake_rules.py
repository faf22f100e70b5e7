"""A rationale for SLAKE without any model: its own fields, put into sentences."""

from __future__ import annotations

from data_preprocess.source.records import Record

RULES_SOURCE = "made by rules from SLAKE's modality, location, content_type and triple"

_ASKS = {
    "Modality": "the kind of image",
    "Plane": "the plane of the image",
    "Position": "a position",
    "Organ": "an organ",
    "Size": "the size of something",
    "Shape": "the shape of something",
    "Color": "the brightness or colour of something",
    "Quantity": "a number",
    "Abnormality": "an abnormality",
    "KG": "knowledge about an organ or a disease",
}
# The field `location` groups images and sometimes contradicts the answer ("Abdomen" for an image whose answer is
# "Chest"), so questions about place and organ are not told it.
_WITHOUT_LOCATION = ("Position", "Organ")


def rule_reasoning(record: Record, triple: list[str] | None) -> str | None:
    """Three or four sentences from the record's fields, ending in the answer; None for other languages than English.

    It names the kind of image, the topic of the question, the relation of the knowledge graph that answers it, and the
    answer.
    """
    if record.language != "en" or record.modality is None:
        return None
    place = ""
    if record.organ is not None and record.question_type not in _WITHOUT_LOCATION:
        place = f" of the {record.organ.replace('_', ' ').lower()}"
    lines = [f"The image is {_article(record.modality)} {record.modality} image{place}."]
    lines.append(f"The question asks about {_ASKS.get(record.question_type or '', 'a finding in the image')}.")
    if triple is not None and len(triple) == 3 and triple[1].strip("_ "):
        _, relation, tail = triple
        lines.append(f'The relation that answers it is "{relation}"' + (f' with "{tail}".' if tail != "ktail" else "."))
    lines.append(f"The answer is {record.answer.rstrip('.')}.")
    return " ".join(lines)


def _article(word: str) -> str:
    return "an" if word in ("MRI", "X-Ray") or word[:1] in "AEIOUaeiou" else "a"
