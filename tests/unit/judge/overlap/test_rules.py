from __future__ import annotations

import time

import pytest

from recipe.mrpo.judge.overlap.clinical_words import facts
from recipe.mrpo.judge.overlap.judge import Thresholds, judge_steps

GOLD = (
    "There is a dense opacity in the right lower zone with air bronchograms, so the consolidation lies in the right "
    "lower lobe. No pleural effusion is seen. The left lung is clear."
)


@pytest.fixture
def judged(options_of):
    thresholds = Thresholds(**options_of()["overlap"])

    def run(*steps, question="Which lung lobe is affected?", answer="right lower lobe", more=(), gold=GOLD):
        answers = (answer, *more)
        return judge_steps(steps, question=question, answers=answers, gold_reasoning=gold, thresholds=thresholds)

    return run


@pytest.mark.parametrize(
    ("step", "label", "reason", "why"),
    [
        ("A dense opacity with air bronchograms is present.", 1, "aligned", "stated by the gold reasoning"),
        ("Dense opacities are visible.", 1, "aligned", "plural and singular are one word"),
        ("The right lower lobe is consolidated.", 1, "contributes", "names the answer"),
        ("There is no effusion.", 1, "aligned", "denies what the gold reasoning denies"),
        ("Neither effusion nor pneumothorax is seen.", 1, "aligned", "a denial beside one more"),
        (
            "The left lung is clear, but the right lower zone is opaque.",
            1,
            "contributes",
            "each side in its own clause",
        ),
        ("The left lower lobe is consolidated.", 0, "laterality", "left for right"),
        ("Bilateral opacities are seen in the lower zones.", 0, "laterality", "both for right"),
        ("There is an opacity in the left and right lower zones.", 0, "laterality", "left and right are both"),
        ("A pleural effusion is seen.", 0, "negation", "affirms what is denied"),
        ("There is no opacity.", 0, "negation", "denies what is affirmed"),
        ("The consolidation is absent.", 0, "negation", "a denial after its noun"),
        ("The opacity isn't seen.", 0, "negation", "a shortened not"),
        ("I need to look at the image.", 0, "meta", "a plan"),
        ("Let me think about the right lower lobe.", 0, "meta", "words of the answer do not save a plan"),
        ("The question asks which lobe is affected.", 0, "meta", "talk about the task"),
        ("Okay, so I should examine the opacity.", 0, "meta", "a filler before a plan"),
        ("First, let's look at the air bronchograms.", 0, "meta", "a filler before a plan"),
        ("To answer this question, the lungs must be compared.", 0, "meta", "a plan"),
        ("Hmm.", 0, "meta", "a sound"),
        ("I see an opacity with air bronchograms.", 1, "aligned", "an observation in the first person is no plan"),
        ("Looking at the image, a dense opacity is visible.", 1, "aligned", "an opener before an observation"),
        ("...", 0, "empty", "no letter or digit"),
        ("   ", 0, "empty", "blank"),
        ("\u200b\u200b", 0, "empty", "invisible characters only"),
        ("Which lung lobe is affected?", 0, "restates_question", "nothing of its own"),
        ("The patient has a fracture of the femur.", 0, "unsupported", "not in the gold reasoning"),
        ("", 0, "empty", "nothing at all"),
    ],
)
def test_every_kind_of_step_gets_the_label_of_its_rule(judged, step, label, reason, why):
    (verdict,) = judged(step)
    assert (verdict.label, verdict.reason) == (label, reason), why


@pytest.mark.parametrize(
    ("first", "second", "reason", "why"),
    [
        ("A dense opacity is present.", "A dense opacity is present.", "repetition", "the same words"),
        ("A dense opacity is present.", "Again, dense opacities are seen.", "repetition", "the same content"),
        ("No effusion is seen.", "An effusion is seen.", "negation", "the opposite is no repetition"),
        (
            "The right lower zone is dense.",
            "The left lower zone is dense.",
            "laterality",
            "the other side is none either",
        ),
        ("A fracture is seen.", "A fracture is seen.", "repetition", "an invalid step can be repeated too"),
    ],
)
def test_a_step_that_says_an_earlier_one_again_is_invalid(judged, first, second, reason, why):
    assert judged(first, second)[1].reason == reason, why


def test_a_verbatim_repetition_is_found_at_any_distance(judged):
    middle = [f"Word{k} other{k} thing{k}." for k in range(100)]
    assert judged("A dense opacity is present.", *middle, "A dense opacity is present.")[-1].reason == "repetition"


@pytest.mark.parametrize(
    ("answer", "step", "label", "why"),
    [
        ("left", "The lesion lies on the left.", 1, "an answer that is only a side"),
        ("left", "The lesion lies on the right.", 0, "the other side"),
        ("肺炎", "影像显示肺炎。", 1, "scripts without spaces"),
        ("5 cm", "It measures 5 cm.", 1, "the number and its unit"),
        ("5 cm", "It measures 5.0 cm.", 1, "the same number written otherwise"),
        ("5 cm", "It measures 2 cm.", 0, "the unit alone is not the answer"),
        ("5 cm", "It measures 2 to 5 cm.", 1, "one of its numbers is the answer's"),
        ("5", "5.", 0, "a bare number states nothing"),
        ("T1 image", "This is a T1 image of vertebra L3.", 1, "a digit inside a name is no number"),
    ],
)
def test_short_answers_count_as_contribution(judged, answer, step, label, why):
    (verdict,) = judged(step, question="Where?", answer=answer, gold="")
    assert verdict.label == label, why


def test_without_gold_reasoning_only_the_answer_counts(judged):
    verdicts = judged("The right lower lobe is dense.", "Air bronchograms are seen.", gold="")
    assert [v.label for v in verdicts] == [1, 0]


@pytest.mark.parametrize(
    ("text", "denied", "stated"),
    [
        ("No lung nodules.", {"nodul"}, set()),
        ("No evidence of a pleural effusion in the lung.", {"effusion"}, {"lung"}),
        ("No effusion or pneumothorax.", {"effusion", "pneumothorax"}, set()),
        ("The heart is not enlarged.", {"enlarg"}, {"heart"}),
        ("The effusion is not seen.", {"effusion"}, set()),
        ("Effusion, but no mass.", {"mass"}, {"effusion"}),
    ],
)
def test_a_denial_reaches_the_head_of_its_phrase(text, denied, stated):
    found = facts(text)
    assert (found.denied, found.stated) == (denied, stated)


def test_labels_do_not_depend_on_the_run(asked, request_of):
    assert len({asked(request_of(), name="overlap").labels for _ in range(5)}) == 1


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ([f"The right lower lobe shows a dense opacity number {k}." for k in range(2_000)], "many steps"),
        (["The right lower lobe is dense and opaque, no effusion. " * 4_000], "one huge step"),
        (["no " * 50_000], "nothing but denials"),
        (["right and left " * 20_000], "nothing but sides"),
        (["ok " * 100_000 + "!"], "nothing but fillers"),
    ],
)
def test_hostile_sizes_cost_time_in_proportion(judged, steps, why):
    start = time.process_time()
    judged(*steps)
    # 100 KB or 2,000 steps: 0.3 s here; what is not linear takes minutes.
    assert time.process_time() - start < 5, why


def test_a_step_that_reaches_another_right_answer_contributes(judged):
    step = "Dense spots are seen, osteosclerotic lesions."
    gold = {"gold": "The bones look unusual.", "question": "What is the diagnosis?", "answer": "osteopoikilosis"}
    assert judged(step, **gold)[0].reason == "unsupported"
    assert judged(step, **gold, more=("osteosclerotic lesions",))[0].reason == "contributes"


def test_numbers_rule_a_step_out_only_where_every_right_answer_is_one(judged):
    step = "There are 7 of them."
    gold = {"gold": "Four lesions are seen.", "question": "How many?", "answer": "4"}
    assert judged(step, **gold)[0].reason == "number"
    assert judged(step, **gold, more=("several",))[0].reason != "number"
