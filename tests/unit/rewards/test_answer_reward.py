"""The answer reward, row by row. Expected values are worked out from token counts by hand, not by the code."""

from __future__ import annotations

import math
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recipe.mrpo.options.tree import load_options
from reward_fns.answer.conflicts.find import CONFLICTS
from reward_fns.answer.reward import answer_reward

RIGHT, WRONG, CAP = 1.0, 0.0, "cap"


def mix(common: int, predicted: int, gold: int) -> float:
    """Half ROUGE-1 F1, half BLEU-1, from counts of tokens: what is scored when there is no encoder."""
    brevity = min(1.0, math.exp(1 - gold / predicted))
    return 0.5 * 2 * common / (predicted + gold) + 0.5 * common / predicted * brevity


# prediction, gold, value, accepted or conflict ("" neither), reason
TABLE = [
    # case, punctuation, articles, white space
    ("right lung", "right lung", RIGHT, "exact", "the same text"),
    ("Right Lung.", "right lung", RIGHT, "exact", "case and full stop make no difference"),
    ("The right lung", "right lung", RIGHT, "exact", "an article makes no difference"),
    ("  right\n lung ", "right lung", RIGHT, "exact", "nor does white space"),
    ("**right lung**", "right lung", RIGHT, "exact", "nor does Markdown emphasis"),
    ("Crohn’s disease", "crohns disease", RIGHT, "exact", "apostrophes, curly or missing"),
    ("cardio-megaly", "cardiomegaly", WRONG, "", "a hyphen parts words; no token in common"),
    ("hepatitis A", "hepatitis", mix(1, 2, 1), "", "the A of hepatitis A is no article"),
    ("hepatitis A", "hepatitis B", mix(1, 2, 2), "letter", "another virus"),
    ("vitamin deficiency", "vitamin a deficiency", mix(2, 2, 3), "", "nor is that of vitamin A, in small letters"),
    ("type a aortic dissection", "type A aortic dissection", RIGHT, "exact", "the letter in either case"),
    ("There is a mass", "there is mass", RIGHT, "exact", "but this is one"),
    ("type B aortic dissection", "type A aortic dissection", CAP, "letter", "3 of 4 tokens, another type"),
    ("T cell lymphoma", "B cell lymphoma", CAP, "letter", "a letter before its word"),
    ("α-thalassemia trait", "β-thalassemia trait", CAP, "letter", "Greek letters are letters"),
    ("hepatitis B and C", "hepatitis C and B", RIGHT, "", "the order of letters is none"),
    ("3 x 2 cm mass", "mass, 3 x 2 cm", RIGHT, "", "the x between numbers is no letter"),
    ("A", "a", RIGHT, "exact", "a letter as answer is kept though it looks like an article"),
    ("B", "A", WRONG, "", "another letter"),
    # laterality
    ("2 lesions in the right lung", "2 lesions in the left lung", CAP, "laterality", "the other side, 4 of 5 tokens"),
    ("left lung", "right lung", mix(1, 2, 2), "laterality", "the cap lowers, it does not raise"),
    ("right lower lobe", "left lower lobe", CAP, "laterality", "2 of 3 tokens, other side"),
    ("bilateral pleural effusion", "right pleural effusion", CAP, "laterality", "both sides are not the right one"),
    ("left or right lower lobe", "right lower lobe", CAP, "laterality", "hedging over both sides"),
    ("left lung, right kidney", "right lung, left kidney", CAP, "laterality", "the same words with the sides swapped"),
    ("right kidney, left lung", "left lung, right kidney", RIGHT, "", "each side on its organ, other order"),
    ("左肺, 右侧", "右肺, 左侧", CAP, "laterality", "sides swapped, in Chinese"),
    (
        "left lung and right lung",
        "both lungs",
        0.5 * 2 / 7,
        "",
        "said otherwise: one stem, no conflict",
    ),
    ("both lungs", "bilateral lungs", RIGHT, "exact", "both = bilateral"),
    ("left and right lungs", "both lungs", RIGHT, "exact", "left and right = both"),
    ("lower lobe of lung", "right lower lobe of lung", mix(4, 4, 5), "", "no side named: incomplete, no conflict"),
    ("RLL", "right lower lobe", RIGHT, "exact", "abbreviation written out"),
    ("RLL", "left lower lobe", CAP, "laterality", "the side inside an abbreviation is seen"),
    ("right-sided pleural effusion", "left-sided pleural effusion", CAP, "laterality", "side as part of a compound"),
    ("左肺", "右肺", mix(1, 2, 2), "laterality", "sides in Chinese"),
    ("左肺", "左肺", RIGHT, "exact", "Chinese, the same"),
    # counts
    ("two", "2", RIGHT, "exact", "number word"),
    ("Two lesions", "2 lesions", RIGHT, "exact", "number word in a phrase"),
    ("twenty-one", "21", RIGHT, "exact", "compound number word"),
    ("3 lesions", "2 lesions", mix(1, 2, 2), "number", "another count"),
    ("3 round lesions in liver", "2 round lesions in liver", CAP, "number", "4 of 5 tokens but another count"),
    ("2 lesions in 3 lobes", "3 lesions in 2 lobes", CAP, "number", "the same numbers of other things"),
    ("4", "4 lesions", RIGHT, "number", "how many? a bare number answers"),
    ("There are 4 lesions", "4", RIGHT, "number", "the same number in a sentence"),
    ("between 4 and 5", "4", mix(1, 3, 1), "comparison", "two numbers for one: a range is not the count"),
    ("4 cm", "4 lesions", WRONG, "", "a length is no number of lesions"),
    ("3%", "3 nodules", WRONG, "", "nor is a percentage"),
    ("2 cm", "grade 2", WRONG, "", "nor a grade"),
    ("2 mm lesions in liver", "2 lesions in liver", CAP, "number", "3 of 4 tokens, size for count"),
    ("4 cm", "4", RIGHT, "number", "a bare number may be given a unit"),
    ("two hundred", "2", WRONG, "number", "the whole number word counts"),
    ("two hundred and five", "205", RIGHT, "exact", "hundreds in words"),
    ("one third", "1", WRONG, "number", "a share is not its numerator"),
    ("minus 5", "5", WRONG, "number", "the sign in words"),
    ("2 and a half cm", "25 mm", RIGHT, "exact", "halves in words"),
    ("stage IIIA lung cancer", "stage IIIB lung cancer", CAP, "number", "the letter behind a stage"),
    ("factor VIII deficiency", "factor IX deficiency", CAP, "number", "Roman numbers behind their word"),
    # comparisons and ranges
    ("<5 mm", ">5 mm", WRONG, "comparison", "the opposite bound"),
    ("≥5 mm", "≤5 mm", WRONG, "comparison", "the opposite bound"),
    ("nodule <5 mm in lung", "nodule >5 mm in lung", CAP, "comparison", "3 of 4 tokens, the opposite bound"),
    ("more than 4 lesions", "4", WRONG, "comparison", "a bound is not the number"),
    ("±2", "2", WRONG, "comparison", "either sign is not this one"),
    ("< 5 mm", "less than 5 mm", RIGHT, "exact", "the sign in words"),
    ("at least 5 mm", "≥ 5 mm", RIGHT, "exact", "the sign in words"),
    ("5 mm or more", ">= 5 mm", RIGHT, "exact", "and behind the number"),
    ("about 5 mm", "5 mm", RIGHT, "number", "about is no bound"),
    ("left greater than right", "right greater than left", CAP, "comparison", "the same words, the other way round"),
    ("more than half of it", "less than half of it", CAP, "comparison", "of what is no number"),
    ("2-3", "2 to 3", RIGHT, "exact", "a range"),
    ("-1", "2-3", WRONG, "number", "a range is no subtraction"),
    ("10-20 mm", "10 mm", mix(1, 3, 1), "comparison", "a range is not its lower end"),
    ("2-3 lesions", "2, 3 lesions", CAP, "comparison", "nor a list"),
    # fractions and pairs
    ("60/40", "120/80", WRONG, "number", "a blood pressure is no fraction"),
    ("1.5", "120/80", WRONG, "number", "so it has no value"),
    ("120 / 80 mmHg", "120/80 mm Hg", RIGHT, "exact", "spaces around the slash"),
    ("1/2", "2/4", WRONG, "number", "2 of 4 is not 1 of 2"),
    ("1:3", "3:1", WRONG, "number", "the order of a ratio"),
    ("lesion 1: 3 cm", "lesion 1, 3 cm", RIGHT, "exact", "a colon before a space is punctuation"),
    ("Gleason 3+4 = 7, prostate", "Gleason 4+3 = 7, prostate", CAP, "number", "the order of a sum"),
    ("Gleason 3 + 4 = 7", "Gleason 3+4", RIGHT, "exact", "its total says no more"),
    ("1½ cm", "15 mm", RIGHT, "exact", "a mixed number"),
    ("10⁵", "105", WRONG, "number", "an exponent is no digit"),
    ("3 x 10^4", "4 x 10^3", WRONG, "number", "a power of ten belongs to its number"),
    # polarity
    ("HER2+", "HER2-", mix(1, 2, 2), "polarity", "the sign is the answer"),
    ("Gram +", "Gram -", mix(1, 2, 2), "polarity", "after a space"),
    ("HER2+ breast cancer", "HER2- breast cancer", CAP, "polarity", "inside a phrase"),
    ("ER positive, PR negative", "ER negative, PR positive", CAP, "polarity", "the same words, swapped"),
    ("HER2 positive", "HER2+", RIGHT, "exact", "the sign in words"),
    ("HER2-positive", "HER2 (+)", RIGHT, "exact", "a hyphen is no minus"),
    ("ER+/PR-", "ER positive PR negative", RIGHT, "exact", "signs before a slash"),
    ("A+", "A positive", RIGHT, "exact", "a blood group, and no article"),
    ("T2-weighted", "T2 weighted", RIGHT, "exact", "an ordinary hyphen"),
    ("pre- and post-contrast", "pre and post contrast", RIGHT, "exact", "half a word is not negative"),
    ("PD-L1 +, lung", "PD-L1 -, lung", CAP, "polarity", "a name with a hyphen of its own"),
    ("2+ edema", "1+ edema", mix(1, 2, 2), "number", "graded pluses"),
    # opposites
    ("increased T2 signal", "decreased T2 signal", CAP, "opposite", "2 of 3 tokens, the opposite change"),
    ("acute infarct of brain", "chronic infarct of brain", CAP, "opposite", "3 of 4 tokens"),
    ("hypothyroidism in woman", "hyperthyroidism in woman", CAP, "opposite", "by its beginning"),
    ("mild stenosis of artery", "severe stenosis of artery", CAP, "opposite", "degrees"),
    ("autosomal dominant disorder", "autosomal recessive disorder", CAP, "opposite", "2 of 3 tokens"),
    ("↑ T2 signal", "↓ T2 signal", CAP, "opposite", "arrows"),
    ("1 2 3 4 5", "4", mix(1, 5, 1), "number", "listing every number is no answer"),
    ("not 4", "4", CAP, "negation", "the number denied"),
    ("2", "type 2 diabetes", mix(1, 1, 3), "", "a number is not the whole of a longer answer"),
    ("2", "3", WRONG, "number", "plain numbers that differ"),
    ("1,200", "1200", RIGHT, "exact", "grouped thousands"),
    ("-5", "5", WRONG, "number", "the sign counts"),
    ("the 4th rib", "fourth rib", RIGHT, "exact", "ordinal word"),
    ("left 4th rib fracture", "left 5th rib fracture", CAP, "number", "another rib"),
    ("2 lesions", "multiple lesions", mix(1, 2, 2), "", "a count against no count: no conflict, less overlap"),
    # units
    ("35 mm", "3.5 cm", RIGHT, "exact", "the same length"),
    ("3.5cm", "3.5 centimeters", RIGHT, "exact", "unit glued on, unit written out"),
    ("3,5 cm", "3.5 cm", RIGHT, "exact", "decimal comma"),
    ("5 mg", "5 g", WRONG, "number", "a thousand times less"),
    ("500 mg", "0.5 g", RIGHT, "exact", "the same mass"),
    ("5 mg/dL", "5 mg", WRONG, "number", "a concentration is no mass"),
    ("50 mg/L", "5 mg/dL", RIGHT, "exact", "the same concentration"),
    ("2 cm x 1 cm", "20 mm x 10 mm", RIGHT, "exact", "a unit behind each number"),
    ("101 °F", "101 °C", WRONG, "number", "degrees of another scale"),
    ("3.5 mm", "3.5 cm", WRONG, "number", "ten times smaller"),
    ("mass of 3.5 mm in liver", "mass of 3.5 cm in liver", CAP, "number", "the unit is not ignored"),
    ("mass of 3.5 kg in liver", "mass of 3.5 cm in liver", CAP, "number", "a unit of another kind"),
    ("3.5", "3.5 cm", WRONG, "", "the gold's unit left out: no conflict, not accepted either"),
    ("3.5 cm", "3.5", RIGHT, "number", "a unit where the gold has none"),
    ("mass of 35 in liver", "mass of 3.5 cm in liver", CAP, "number", "no unit and another number"),
    ("2 x 3 cm", "2 × 3 cm", RIGHT, "exact", "two spellings of times"),
    ("3 x 2 cm", "2 x 3 cm", RIGHT, "", "the order of two diameters is no difference"),
    ("20x30 mm", "2 x 3 cm", RIGHT, "exact", "a shared unit converts both numbers"),
    ("50 percent", "50%", RIGHT, "exact", "per cent"),
    ("12 months", "1 year", RIGHT, "exact", "a year has twelve months"),
    ("400x", "x400", RIGHT, "exact", "magnification"),
    ("3 tesla", "3T", RIGHT, "exact", "field strength"),
    ("5 µm", "5 microns", RIGHT, "exact", "micro sign"),
    # names that hold a number
    ("T1 weighted MRI", "T2 weighted MRI", CAP, "number", "another sequence"),
    ("T2", "2", WRONG, "", "T2 is a name, not the number 2"),
    ("L4-5", "L4-L5", RIGHT, "exact", "vertebral level, short form"),
    ("L3-L4 disc space", "L4-L5 disc space", CAP, "number", "another level"),
    ("grade II astrocytoma", "grade 2 astrocytoma", RIGHT, "exact", "Roman grade"),
    ("grade III diffuse astrocytoma", "grade II diffuse astrocytoma", CAP, "number", "another grade"),
    # planes, modalities, positions
    ("axial", "coronal", WRONG, "plane", "another plane"),
    ("axial plane of brain", "coronal plane of brain", CAP, "plane", "another plane, 3 of 4 tokens"),
    ("transverse plane", "axial plane", RIGHT, "exact", "transverse is axial"),
    ("MRI", "magnetic resonance imaging", RIGHT, "exact", "modality abbreviation"),
    ("CT scan", "computed tomography", RIGHT, "exact", "modality abbreviation"),
    ("Xray", "X-Ray", RIGHT, "exact", "spellings of x-ray"),
    ("chest CT with contrast", "chest MRI with contrast", CAP, "modality", "another modality"),
    ("PA", "posterior-anterior", RIGHT, "exact", "projection"),
    ("AP chest film view", "PA chest film view", CAP, "plane", "the other projection"),
    ("H&E", "hematoxylin and eosin", RIGHT, "exact", "stain"),
    ("H & E", "H&E", RIGHT, "exact", "with spaces"),
    ("upper lobe of lung", "lower lobe of lung", CAP, "position", "3 of 4 tokens, other lobe"),
    ("a hypodense liver lesion", "hyperdense liver lesion", CAP, "intensity", "the opposite density"),
    # yes/no and negation
    ("Yes.", "yes", RIGHT, "yes_no", "exact after normalisation"),
    ("NO", "no", RIGHT, "yes_no", "exact after normalisation"),
    ("no", "yes", WRONG, "", "the opposite"),
    ("yes and no", "yes", WRONG, "", "not exactly yes"),
    ("Yes, there is a mass", "yes", WRONG, "", "exact: nothing may follow (yes_no=leading would accept)"),
    ("no, there is pneumothorax", "yes, there is pneumothorax", CAP, "yes_no", "opposite opening, 3 of 4 tokens"),
    ("yes, no pneumothorax seen", "no, no pneumothorax seen", CAP, "yes_no", "opposite opening, both deny"),
    ("不包含", "包含", CAP, "negation", "denied, in Chinese"),
    ("no pneumothorax on image", "pneumothorax on image", CAP, "negation", "only one denies it"),
    ("non-contrast CT of chest", "contrast CT of chest", CAP, "negation", "denied by its beginning"),
    ("CT w/o contrast", "CT w/ contrast", CAP, "negation", "with and without, short"),
    ("no mass, effusion present", "no effusion, mass present", CAP, "negation", "each denies what the other states"),
    ("no mass or effusion", "no effusion or mass", RIGHT, "", "the order of what is denied"),
    ("non-specific changes", "nonspecific changes", RIGHT, "exact", "one word or two"),
    # several words, partial credit
    ("pneumonia", "right lower lobe pneumonia", mix(1, 1, 4), "", "one of four words; brevity penalty"),
    ("lobe pneumonia lower right", "right lower lobe pneumonia", RIGHT, "", "unigrams do not see the order"),
    ("lesions", "lesion", 0.5, "", "ROUGE stems, BLEU does not"),
    ("heart", "kidney", WRONG, "", "nothing in common"),
    # several reference answers
    ("osteosclerotic lesions", ["osteopoikilosis", "osteosclerotic lesions"], RIGHT, "exact", "the best counts"),
    ("right", ["left", "right"], RIGHT, "exact", "a conflict with one reference is no matter"),
    # nothing
    ("", "right lung", WRONG, "", "empty"),
    ("   \n", "right lung", WRONG, "", "only white space"),
    (None, "right lung", WRONG, "", "no answer tag"),
    ("...", "right lung", WRONG, "", "no token"),
    ("right lung", "", WRONG, "", "an empty gold answer matches nothing"),
    # unicode
    ("ｒｉｇｈｔ lung", "right lung", RIGHT, "exact", "full-width letters"),
    ("right\u200b lung", "right lung", RIGHT, "exact", "zero-width space"),
    ("½", "0.5", RIGHT, "exact", "vulgar fraction"),
    ("10 cm²", "10 cm^2", RIGHT, "exact", "superscript"),
    ("\ud800", "right lung", WRONG, "", "a lone surrogate"),
    # LaTeX and expressions
    (r"$\frac{1}{2}$", "0.5", RIGHT, "exact", "fraction"),
    (r"\boxed{4}", "4", RIGHT, "exact", "boxed"),
    (r"$3.5\,\mathrm{cm}$", "35 mm", RIGHT, "exact", "a quantity in LaTeX"),
    (r"\text{right lung}", "right lung", RIGHT, "exact", "text in LaTeX"),
    (r"$\sqrt{4}$", "2", RIGHT, "math", "left to math-verify"),
    (r"\sqrt{4}", "2", RIGHT, "math", "and without dollar signs"),
    ("2^5", "32", RIGHT, "math", "power"),
    ("32", "2^5", RIGHT, "math", "in the gold answer"),
    ("2^5", "32 mm", WRONG, "", "math-verify would see the number without its unit"),
    (r"\sqrt{4}", "2 mm", WRONG, "number", "likewise"),
    (r"$\frac{3}{6}$", "0.5", RIGHT, "math", "a fraction that says it is one"),
    ("2 + 3", "5", WRONG, "", "a score of two parts is not its total"),
    ("2 + 3", "6", WRONG, "number", "let alone another number"),
    ("4+3", "3+4", WRONG, "number", "Gleason 4+3 is worse than 3+4, though both are 7"),
    ("4+3", "7", WRONG, "", "nor do we know 4+3 from its total"),
    ("(4)+(3)", "7", WRONG, "number", "however it is written"),
    ("2+", "2", WRONG, "", "a grade is no count"),
    ("2", "2+", WRONG, "", "nor the other way round"),
    ("2+", "2 cm", WRONG, "", "nor a length"),
    ("2+2", "4+", WRONG, "", "nor a sum"),
    ("12.5.2020", "12.5", WRONG, "", "a date is no number"),
    ("12.5.2020", "12.5.2021", WRONG, "", "nor another date"),
    ("1/2/3", "1/6", WRONG, "", "nor is a date with slashes"),
    # percentages
    ("50%", "0.5", RIGHT, "number", "a bare percentage and its share of 1"),
    ("1/2", "50%", RIGHT, "number", "as a fraction"),
    ("50", "50%", RIGHT, "number", "the percent sign left out"),
    ("0.5%", "50%", WRONG, "number", "a hundred times less"),
    ("5 cm", "5%", WRONG, "number", "a length is no percentage"),
    ("5%", "5 cm", WRONG, "number", "nor the other way round"),
    ("5°", "5%", WRONG, "number", "nor is an angle"),
    ("40 weeks", "40%", WRONG, "number", "nor a time"),
    ("100%", "1 mm", WRONG, "number", "nor is 1 mm all of it"),
    ("1/2", "1/2 mg", WRONG, "", "the gold's unit left out, as with 3.5 for 3.5 cm"),
    ("1e3", "100%", WRONG, "number", "1000 is not 1"),
    ("<5%", "0.05", WRONG, "number", "a bound is no number"),
    ("5 lesions", "2 + 3", WRONG, "", "math-verify sees expressions, not phrases"),
    ("1 2 3 4 5", "5", mix(1, 5, 1), "number", "nor lists, of which it takes the last"),
    ("3 lesions, 5 nodules, 7", "7", mix(1, 5, 1), "number", "however they are listed"),
    # hostile
    ("9**9**9**9", "1", WRONG, "number", "a tower of powers is turned away"),
    ("9" * 4400, "9", WRONG, "number", "a long number"),
    ("99999999!", "1", WRONG, "number", "a factorial"),
    ("(" * 400 + "1" + ")" * 400, "1", RIGHT, "exact", "brackets are punctuation; no parser sees them"),
    (r"\frac{" * 100 + "1", "1", mix(1, 101, 1), "", "nested LaTeX is turned away"),
    ("__import__('os').system('true')", "right lung", WRONG, "", "code is text"),
    ("</answer> right lung", "right lung", mix(2, 3, 2), "", "a tag in the answer is a word like any other"),
    ("right lung " * 500, "right lung", mix(2, 182, 2), "", "repetition; cut at 1000 characters"),
]


@pytest.mark.parametrize(("prediction", "gold", "value", "why", "reason"), TABLE)
def test_answer_reward_golden_table(answer_options, prediction, gold, value, why, reason):
    options = answer_options()
    score = answer_reward(prediction, gold, options=options, encoder=None)
    assert score.parts["capped"] == (value == CAP), (reason, dict(score.parts))
    assert score.value == pytest.approx(options.conflict_cap if value == CAP else value, abs=1e-12), (reason, score)
    assert (score.parts["accepted"] or score.parts["conflict"]) == why, (reason, dict(score.parts))


def test_the_table_has_a_reason_per_row_and_no_row_twice():
    assert len(TABLE) >= 60
    assert len({(p, str(g)) for p, g, *_ in TABLE}) == len(TABLE)
    assert all(row[4] for row in TABLE)


@pytest.mark.parametrize(("prediction", "gold", "value", "why", "reason"), [r for r in TABLE if r[2] == CAP])
def test_without_conflicts_the_capped_answers_score_their_overlap(answer_options, prediction, gold, value, why, reason):
    score = answer_reward(prediction, gold, options=answer_options(conflicts=[]), encoder=None)
    assert score.value > 0.5 and score.parts["conflict"] == ""


@pytest.mark.parametrize("kind", CONFLICTS)
def test_every_kind_of_conflict_can_be_switched_off_alone(answer_options, kind):
    rows = [r for r in TABLE if r[3] == kind and r[2] == CAP]
    assert rows, f"the table has no capped row for {kind}"
    options = answer_options(conflicts=[k for k in CONFLICTS if k != kind])
    assert any(not answer_reward(p, g, options=options, encoder=None).parts["capped"] for p, g, *_ in rows)


# rule, prediction, gold: right with the rule, not exact without it
RULES = [
    ("case", "Right Lung", "right lung"),
    ("articles", "the lung", "lung"),
    ("punctuation", "right, lung", "right lung"),
    ("number_words", "two lesions", "2 lesions"),
    ("units", "mass of 35 mm", "mass of 3.5 cm"),
    ("synonyms", "chest MRI", "chest magnetic resonance imaging"),
]


@pytest.mark.parametrize(("rule", "prediction", "gold"), RULES)
def test_every_rule_of_normalisation_is_an_option(answer_options, rule, prediction, gold):
    every = answer_options()
    assert answer_reward(prediction, gold, options=every, encoder=None).parts["accepted"] == "exact"
    without = answer_options(normalise=sorted(every.normalise - {rule}))
    assert answer_reward(prediction, gold, options=without, encoder=None).parts["accepted"] == ""


@pytest.mark.parametrize(
    ("mode", "prediction", "value"),
    [
        ("exact", "Yes, it is", 0.0),
        ("leading", "Yes, it is", 1.0),
        ("leading", "No, it is", 0.0),
        ("mix", "yes it", None),
    ],
)
def test_yes_no_answers_follow_their_option(answer_options, mode, prediction, value):
    score = answer_reward(prediction, "yes", options=answer_options(yes_no=mode), encoder=None)
    assert score.value == pytest.approx(mix(1, 2, 1) if value is None else value)


def test_without_an_encoder_the_other_weights_are_rescaled_and_the_parts_say_so(answer_options, caplog):
    options = answer_options(mix={"rouge1": 0.3, "bleu1": 0.1, "bertscore": 0.6})
    score = answer_reward("pneumonia", "lobar pneumonia", options=options, encoder=None)
    rouge, bleu = 2 / 3, math.exp(-1)
    assert score.value == pytest.approx((0.3 * rouge + 0.1 * bleu) / 0.4)
    assert score.parts["encoder"] == 0.0 and "bertscore" not in score.parts


class FixedEncoder:
    def f1(self, predictions, references):
        return [0.9] * len(predictions)


def test_with_an_encoder_the_mix_is_the_published_one(answer_options):
    score = answer_reward("pneumonia", "lobar pneumonia", options=answer_options(), encoder=FixedEncoder())
    assert score.value == pytest.approx(0.25 * 2 / 3 + 0.25 * math.exp(-1) + 0.5 * 0.9)
    assert score.parts["encoder"] == 1.0 and score.parts["bertscore"] == 0.9


class Close:
    """An encoder that finds everything alike, as real ones find opposites."""

    def f1(self, predictions, references):
        return [0.99] * len(predictions)


IN_CONFLICT = [row for row in TABLE if row[3] in CONFLICTS and row[2] != RIGHT]


@pytest.mark.parametrize(("prediction", "gold", "value", "why", "reason"), IN_CONFLICT)
def test_a_conflict_is_wrong_however_close_the_encoder_finds_it(answer_options, prediction, gold, value, why, reason):
    options, tau = answer_options(), load_options().tau
    assert answer_reward(prediction, gold, options=options, encoder=Close()).value <= tau, reason
    assert answer_reward(gold, gold, options=options, encoder=Close()).value > tau


@pytest.mark.parametrize(("prediction", "gold", "value", "why", "reason"), IN_CONFLICT)
def test_a_conflict_is_one_in_either_direction(answer_options, prediction, gold, value, why, reason):
    score = answer_reward(gold, prediction, options=answer_options(), encoder=Close())
    assert score.parts["conflict"] == why and score.value <= load_options().tau, reason


@pytest.mark.parametrize(("prediction", "gold", "value", "why", "reason"), [r for r in TABLE if r[3] == "exact"])
def test_answers_that_are_equal_are_so_in_either_direction(answer_options, prediction, gold, value, why, reason):
    for one in [gold] if isinstance(gold, str) else gold[-1:]:
        assert answer_reward(one, prediction, options=answer_options(), encoder=None).value == 1.0, reason


# The same count, and a unit in place of what is counted: neither answer contradicts the other, and neither is right.
@pytest.mark.parametrize(
    ("prediction", "gold"),
    [("4 cm", "4 lesions"), ("2 mg", "2 lesions"), ("3%", "3 nodules"), ("2 cm", "grade 2"), ("2 weeks", "2 lungs")],
)
def test_a_measure_is_no_count_however_close_the_encoder_finds_it(answer_options, prediction, gold):
    for p, g in ((prediction, gold), (gold, prediction)):
        assert answer_reward(p, g, options=answer_options(), encoder=Close()).value <= load_options().tau


def test_an_encoder_is_asked_once_for_all_gold_answers_and_not_at_all_for_a_right_one(answer_options):
    calls: list[int] = []

    class Counting:
        def f1(self, predictions, references):
            calls.append(len(predictions))
            return [0.1 * (1 + len(reference.split())) for reference in references]

    golds = ["yes", "pneumonia", "lobar pneumonia of the left lung", "left lobe"]
    score = answer_reward("left pneumonia", golds, options=answer_options(), encoder=Counting())
    assert calls == [3], "a yes or no needs no encoder"
    alone = [answer_reward("left pneumonia", gold, options=answer_options(), encoder=Counting()) for gold in golds]
    assert score.value == max(one.value for one in alone) and score.parts["reference"] == 2.0
    calls.clear()
    assert answer_reward("left lobe", golds, options=answer_options(), encoder=Counting()).value == 1.0
    assert calls == []


def test_an_answer_reward_needs_a_gold_answer(answer_options):
    with pytest.raises(ValueError, match="gold answer"):
        answer_reward("right lung", [], options=answer_options(), encoder=None)


def test_it_says_once_that_there_is_no_encoder(answer_options, caplog):
    from reward_fns.answer import reward as answer

    answer._warn_without_encoder.cache_clear()
    for _ in range(3):
        answer_reward("a b", "a c", options=answer_options(), encoder=None)
    assert [r for r in caplog.messages if "mrpo.rewards.answer.encoder" in r] == caplog.messages[:1]


@pytest.mark.long
def test_it_works_and_ends_in_another_thread(answer_options):
    """math-verify's own timeouts raise ValueError off the main thread."""
    found: list[float] = []

    def work():
        for prediction in (r"$\sqrt{9}$", "9**9**9**9", r"$9^{9^{9^{9}}}$", "1e999999999", r"\sum_{i=1}^{99999999} i"):
            for compat in ("none", "reference"):
                options = answer_options(compat=compat, math_timeout_s=1.0)
                found.append(answer_reward(prediction, "3", options=options, encoder=None).value)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(timeout=60)
    assert not thread.is_alive(), "a hostile answer keeps the scorer busy"
    assert found[:2] == [1.0, 1.0] and max(found[2:]) < 0.6


@pytest.mark.parametrize(
    "long",
    [
        "9" * 4400,
        "9" * 4400 + " mm",
        "0." + "3" * 4400,
        "1/" + "3" * 4400,
        "2" * 4400 + "/" + "4" * 4400,
        "1" + ",000" * 2000,
        r"\frac{1}{" + "3" * 4400 + "}",
        "-" + "9" * 4400 + "%",
        "grade " + "9" * 4400,
        "9" * 4400 + "+1",
        "9" * 4400 + " million",
        "9" * 4400 + " point 5",
        "1/" + str(2**3200),
    ],
    ids=lambda text: text[:12],
)
@pytest.mark.long
def test_a_number_longer_than_python_reads_is_text(answer_options, long):
    options = answer_options(max_chars=20000, max_math_chars=20000)
    for prediction, gold in ((long, "9 mm"), ("9 mm", long), (long, "1/3"), (long, "9" * 4400)):
        score = answer_reward(prediction, gold, options=options, encoder=None)
        assert (score.value == 1.0) == (prediction == gold), score.parts


HOSTILE = st.one_of(
    st.text(max_size=80),
    st.text(alphabet="0123456789+-*/^().,{}$\\ %x", max_size=80),
    st.lists(
        st.sampled_from(
            r"left right both no yes 2 3.5 cm mm T2 L4-5 two twenty- \frac{ } $ ^ ** ( ) MRI axial the 1/0 ½ 左".split()
        ),
        max_size=14,
    ).map(" ".join),
)


@settings(max_examples=150, deadline=None)
@given(prediction=HOSTILE, gold=HOSTILE, compat=st.sampled_from(["none", "reference"]))
def test_the_value_is_in_the_unit_interval_and_nothing_raises(answer_options, prediction, gold, compat):
    score = answer_reward(prediction, gold, options=answer_options(compat=compat, math_timeout_s=0.5), encoder=None)
    assert 0.0 <= score.value <= 1.0
    assert all(isinstance(part, (float, str)) for part in score.parts.values())


@settings(max_examples=150, deadline=None)
@given(answer=HOSTILE)
def test_an_answer_with_a_token_is_right_about_itself(answer_options, answer):
    score = answer_reward(answer, answer, options=answer_options(), encoder=None)
    assert score.value == (1.0 if score.parts["accepted"] else 0.0)
    assert score.parts["accepted"] or not any(c.isalnum() and c.isascii() for c in answer)


def test_a_call_costs_less_than_two_milliseconds(answer_options):
    """Median over answers never seen before, so that no cache helps."""
    options, times = answer_options(), []
    for i in range(200):
        start = time.perf_counter()
        answer_reward(
            f"a {i} cm mass in the right lower lobe",
            f"a {i + 1} cm mass in the left lobe",
            options=options,
            encoder=None,
        )
        times.append(time.perf_counter() - start)
    assert sorted(times)[100] < 0.002 * 3  # three times the aim, for a machine that is shared
