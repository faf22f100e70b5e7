"""The words that exclude one another in two answers, and those that tie or deny."""

from __future__ import annotations

from reward_fns.answer.words.synonyms import GREEK

# conflict: axes that exclude one another word for word; each axis maps a term to the words that name it
AXES: dict[str, tuple[dict[str, frozenset[str]], ...]] = {
    "laterality": (
        {
            "left": frozenset({"left", "leftsided", "左"}),
            "right": frozenset({"right", "rightsided", "右"}),
            "both": frozenset({"bilateral", "bilaterally", "both", "双", "两"}),
        },
    ),
    "plane": (
        {
            "axial": frozenset({"axial", "transverse"}),
            "coronal": frozenset({"coronal"}),
            "sagittal": frozenset({"sagittal", "midsagittal", "parasagittal"}),
        },
        {"ap": frozenset({"anteroposterior"}), "pa": frozenset({"posteroanterior"})},
    ),
    "modality": (
        {
            name: frozenset({name})
            for name in ("ct", "mri", "xray", "ultrasound", "pet", "spect", "mammography", "fluoroscopy", "angiography")
        },
        {name: frozenset({name}) for name in ("t1", "t2", "t2star", "flair", "dwi")},
    ),
    "position": (
        {
            "up": frozenset({"upper", "superior", "cranial", "superiorly"}),
            "middle": frozenset({"middle", "mid"}),
            "down": frozenset({"lower", "inferior", "caudal", "inferiorly"}),
        },
        {
            "front": frozenset({"anterior", "ventral", "anteriorly"}),
            "back": frozenset({"posterior", "dorsal", "posteriorly"}),
        },
        # Only where one names the middle alone: "the posterior segment of the middle lobe" contradicts nothing.
        {
            "front": frozenset({"anterior", "ventral", "anteriorly"}),
            "middle of it": frozenset({"middle", "mid"}),
            "back": frozenset({"posterior", "dorsal", "posteriorly"}),
        },
        {"inner": frozenset({"medial", "medially"}), "outer": frozenset({"lateral", "laterally"})},
        {"near": frozenset({"proximal", "proximally"}), "far": frozenset({"distal", "distally"})},
    ),
    "intensity": (
        {
            "hypo": frozenset({"hypointense", "hypodense", "hypoechoic", "hypoattenuating"}),
            "iso": frozenset({"isointense", "isodense", "isoechoic"}),
            "hyper": frozenset({"hyperintense", "hyperdense", "hyperechoic", "hyperattenuating"}),
        },
    ),
    "opposite": tuple(
        {words.split()[0]: frozenset(words.split()) for words in axis.split("|")}
        for axis in (
            "increased increase increases increasing elevated raised high rising | "
            "decreased decrease decreases decreasing reduced diminished low falling",
            "benign nonmalignant | malignant malignancy",
            "acute | subacute | chronic",
            "normal | abnormal",
            "large enlarged enlargement big | small tiny",
            "male man men boy | female woman women girl",
            "solid | cystic",
            "artery arteries arterial | vein veins venous",
            "unilateral unilaterally | bilateral bilaterally",
            "ipsilateral | contralateral",
            "internal internally | external externally",
            "superficial | deep",
            "central centrally | peripheral peripherally",
            "ascending | descending",
            "systole systolic | diastole diastolic",
            "open | closed",
            "inspiration inspiratory | expiration expiratory",
            "flexion | extension",
            "abduction | adduction",
            "afferent | efferent",
            "convex | concave",
            "gray grey | white",
            "complete completely | incomplete incompletely partial partially",
            "diffuse diffusely | focal focally localized",
            "symmetric symmetrical | asymmetric asymmetrical",
            "homogeneous homogenous | heterogeneous heterogenous",
            "stable | unstable",
            "thick thickened thickening | thin thinned thinning",
            "primary | secondary",
            "mild mildly | moderate moderately | severe severely",
            "dominant | recessive",
            "typical | atypical",
            "supine | prone",
            "intravenous | intraarterial | intramuscular | subcutaneous",
            "early | late",
            "maximum maximal | minimum minimal",
            "enhanced enhancing contrastenhanced | unenhanced nonenhanced nonenhancing",
        )
    ),
}
AXIS_WORDS = frozenset(word for kind in AXES for axis in AXES[kind] for words in axis.values() for word in words)
# Words that differ in these beginnings alone: hypothyroidism and hyperthyroidism, preoperative and postoperative.
BEGINNINGS = tuple(
    frozenset(group.split())
    for group in (
        "hyper hypo iso normo", "intra extra inter", "pre post peri", "supra infra sub epi", "macro micro",
        "tachy brady", "dextro levo", "endo exo",
    )
)  # fmt: skip
NEGATIONS = frozenset(
    "no not without absent absence negative never neither nor none denies isnt cannot 不 没 无 未 否".split()
)
INTENSITIES = frozenset().union(*AXES["intensity"][0].values())
RANKS = frozenset("grade stage type class category level phase zone segment factor".split())
POLES = frozenset({"positive", "negative"})
LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz") | GREEK
SIDES = {word: side for side, words in AXES["laterality"][0].items() for word in words}
COPULAS = frozenset("is are was were".split())
LINKS = COPULAS | frozenset("x by to and or of in on at for".split())  # "3 x 2 cm" ties no number to a word x
