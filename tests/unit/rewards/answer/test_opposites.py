"""Opposites that exclude one another, and those that merely stand in the same answers."""

from __future__ import annotations

import pytest

from recipe.mrpo.options.tree import load_options
from reward_fns.answer.reward import answer_reward

# answer, answer, reason: one contradicts the other
OPPOSITE = [
    # the same word
    ("benign tumor", "malignant tumor", "one word with opposite poles"),
    ("the tumor is benign", "malignant tumor", "before it and behind it"),
    ("the tumor is benign", "the tumor is malignant", "behind it in both"),
    ("the lesion in the left lobe is large", "small lesion in the left lobe", "a verb ties over a place"),
    ("infarct, acute", "infarct, chronic", "behind a comma"),
    ("inflammation, chronic", "acute inflammation", "behind a comma and before"),
    ("infarct, acute, of left lobe", "chronic left lobe infarct", "between commas"),
    ("subacute infarct", "acute infarct", "three poles on one axis"),
    ("sub-acute infarct", "acute infarct", "with a hyphen"),
    ("low-grade glioma", "high-grade glioma", "tied by a hyphen"),
    ("low-grade glioma, high signal", "high-grade glioma, low signal", "the same poles on exchanged words"),
    ("high signal on T1, low signal on T2", "low signal on T1, high signal on T2", "on exchanged sequences"),
    ("large liver, small spleen", "small liver, large spleen", "on exchanged organs"),
    ("increased T2 signal", "decreased T2 signal", "a change"),
    ("T2 signal is increased", "decreased T2 signal", "a change behind its word"),
    ("increase in T2 signal", "decrease in T2 signal", "as a noun"),
    ("enlargement of the spleen", "small spleen", "a noun with of"),
    ("uptake decreased in left lobe", "increased uptake in left lobe", "a verb"),
    ("elevated blood pressure", "blood pressure reduced", "either side of two words"),
    ("serum calcium is low", "elevated serum calcium", "another spelling of high"),
    ("large bowel obstruction", "small bowel obstruction", "a name that begins with a pole"),
    ("large round lesion in liver", "small oval lesion in liver", "other adjectives between"),
    ("enlarged left kidney", "small left kidney", "a side between"),
    ("large, round mass", "small, round mass", "a comma between"),
    ("large and round mass", "small and round mass", "an and between"),
    ("solid mass with calcification", "cystic mass with calcification", "texture"),
    ("mild aortic stenosis", "severe aortic stenosis", "degree"),
    ("mild to moderate stenosis", "severe stenosis", "a range of degrees and one out of it"),
    ("thrombosis of renal artery", "renal vein thrombosis", "vessels of one organ"),
    ("arterial phase CT of the liver", "CT of the liver in venous phase", "phases"),
    ("thickening of bowel wall", "thin bowel wall", "noun and adjective"),
    ("pre-contrast CT", "post-contrast CT", "a beginning with a hyphen"),
    ("pre contrast CT of head", "post contrast CT of head", "or a space"),
    # left open
    ("benign or malignant tumor", "benign tumor", "both for one"),
    ("benign/malignant tumor", "benign tumor", "with a slash"),
    ("acute on chronic subdural hematoma", "chronic subdural hematoma", "both at once is neither"),
    # the whole answer
    ("benign", "malignant tumor of breast", "the pole is all that is said"),
    ("increased", "decreased T2 signal", "likewise"),
    ("high", "low", "in both answers"),
    ("chronic", "acute on chronic", "both for one"),
    ("benign, malignant", "benign", "both for one, as a list"),
    # nothing else differs
    ("man with pneumonia", "woman with pneumonia", "no word that it modifies"),
    ("large solid mass", "small cystic mass", "two poles exchanged"),
    ("lesion seen in left lobe is large", "small lesion in left lobe", "but for idle words"),
    # said of the whole
    ("malignant neoplasm of the left lower lobe", "benign tumor of the left lower lobe", "tumor and neoplasm are one"),
    ("45-year-old man, lung cancer", "female with lung cancer, 45-year-old", "a patient has one sex"),
    # numbers and modalities near the rows below
    ("elevated CA 19-9", "elevated CA 125", "another marker"),
    ("elevated CA 19-9", "elevated CA 15-3", "and another"),
    ("Ca 10.5 mg/dl", "Ca 12.5 mg/dl", "calcium, another value"),
    ("temperature of 38 C", "temperature of 37.5 °C", "another temperature"),
    ("fever of 37.5 F", "fever of 37.5 °C", "another scale"),
    ("CT angiogram of neck", "MR angiogram of neck", "another modality"),
]

# answer, answer, reason: neither contradicts the other, though words of both poles occur
COMPATIBLE = [
    ("low-grade glioma, high signal", "low-grade glioma", "grade and signal"),
    ("low-grade glioma with high T2 signal", "low-grade glioma", "without a comma"),
    ("small bowel obstruction with enlarged loops", "small bowel obstruction", "bowel and loops"),
    ("enlarged small lymph nodes", "small lymph nodes", "a pole before a name that begins with one"),
    ("large mediastinal mass, small cell lung cancer", "small cell lung cancer", "mass and cell"),
    ("enlarged heart with small effusion", "enlarged heart", "heart and effusion"),
    ("small pleural effusion, enlarged heart", "small pleural effusion", "and in the other order"),
    ("acute infarct, chronic small vessel disease", "acute infarct", "infarct and disease"),
    ("acute infarct on a background of chronic ischemia", "acute infarct", "infarct and ischemia"),
    ("high T2 signal, low T1 signal", "low T1 signal and high T2 signal", "another order"),
    ("early enhancement with late washout", "early enhancement", "enhancement and washout"),
    ("solid mass with cystic component", "solid mass", "mass and component"),
    ("severe stenosis with mild regurgitation", "severe stenosis", "stenosis and regurgitation"),
    ("portal vein thrombosis, hepatic artery patent", "portal vein thrombosis", "two vessels"),
    ("primary tumor with secondary deposits", "primary tumor", "tumor and deposits"),
    ("open fracture with closed physis", "open fracture", "fracture and physis"),
    ("complete heart block with partial recovery", "complete heart block", "block and recovery"),
    ("raised intracranial pressure with reduced consciousness", "raised intracranial pressure", "two findings"),
    ("normal pressure hydrocephalus with abnormal gait", "normal pressure hydrocephalus", "a name with a pole"),
    ("high anion gap acidosis with low bicarbonate", "high anion gap acidosis", "two laboratory values"),
    ("low bicarbonate and high anion gap acidosis", "high anion gap acidosis", "and in the other order"),
    ("benign cyst, malignancy excluded", "benign cyst", "what is excluded"),
    ("normal heart, abnormal lungs", "abnormal lungs, normal heart", "another order"),
    ("acute exacerbation of chronic bronchitis", "chronic bronchitis with acute exacerbation", "either way round"),
    ("male infant of a diabetic mother", "male infant", "no pole but one"),
    ("gray-white matter junction", "gray-white junction", "two poles that make one name"),
    ("acute-on-chronic subdural hematoma", "acute on chronic subdural hematoma", "hyphens"),
    ("the heart is enlarged", "enlarged heart", "the same pole behind its word"),
    ("sub-acute infarct", "subacute infarct", "one word with a hyphen"),
    ("sub acute infarct", "subacute infarct", "and in two"),
    ("intra-axial mass", "intraaxial mass", "another beginning"),
    ("post contrast image", "post-contrast image", "a hyphen or none"),
    ("CA19-9", "CA 19-9", "the name of a marker is no range"),
    ("CA-125", "CA 125", "nor is its hyphen a minus"),
    ("CA 27.29", "CA 27-29", "nor a decimal"),
    ("ca 125 mm", "125 mm", "circa is no marker"),
    ("Ca 10-12 mg/dl", "Ca 10 to 12 mg/dl", "nor is calcium"),
    ("37.5 C", "37.5 °C", "a bare C is a degree beside a temperature"),
    ("98.6 F", "98.6 °F", "so is a bare F"),
    (r"$37.5^\circ$C", "37.5 °C", "a degree in LaTeX"),
    ("CT angiogram", "CT angiography", "the picture and how it is made"),
    ("mammogram", "mammography", "likewise"),
]


class Close:
    """An encoder that finds everything alike, as real ones find opposites."""

    def f1(self, predictions, references):
        return [0.99] * len(predictions)


@pytest.mark.parametrize(("one", "other", "reason"), OPPOSITE)
def test_opposites_of_the_same_word_are_wrong_in_either_direction(answer_options, one, other, reason):
    for prediction, gold in ((one, other), (other, one)):
        score = answer_reward(prediction, gold, options=answer_options(), encoder=Close())
        assert score.parts["conflict"] and score.value <= load_options().tau, (reason, score)


@pytest.mark.parametrize(("one", "other", "reason"), COMPATIBLE)
def test_opposites_of_different_words_contradict_nothing(answer_options, one, other, reason):
    for prediction, gold in ((one, other), (other, one)):
        score = answer_reward(prediction, gold, options=answer_options(), encoder=Close())
        assert not score.parts["conflict"] and score.value > load_options().tau, (reason, score)


def test_a_capital_c_is_a_degree_only_beside_a_temperature(answer_options):
    for prediction, gold in (("hepatitis 2 C", "hepatitis 2 B"), ("level 5 C", "level 5"), ("4 C", "4 cm")):
        score = answer_reward(prediction, gold, options=answer_options(accept="exact"), encoder=None)
        assert score.value < 1.0, (prediction, gold, score)
