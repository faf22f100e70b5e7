"""What it takes for an answer to state the gold answer, and what speaks against it; a reason per row."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recipe.mrpo.options.tree import load_options
from reward_fns.answer.coverage.stems import stem_of
from reward_fns.answer.coverage.yes_no import polarity
from reward_fns.answer.reward import answer_reward
from reward_fns.answer.terms.table import chinese_entries, load_terms
from reward_fns.answer.words.spelling import american

CHOICES = "Which modality? A: CT B: MRI C: PET"
# question, gold, answer, right, reason
TABLE = [
    ("What is shown?", "pleural effusion", "The image shows a left-sided pleural effusion.", True, "in a sentence"),
    ("What is shown?", "pleural effusion", "No pleural effusion is seen.", False, "denied"),
    ("What is shown?", "pleural effusion", "Pleural effusion is absent.", False, "denied behind it"),
    ("What is shown?", "pleural effusion", "A pleural effusion cannot be excluded.", False, "left open"),
    ("What is shown?", "pleural effusion", "pleural effusion or pneumonia", False, "a choice"),
    ("What is shown?", "pleural effusion", "Pneumonia rather than pleural effusion", False, "given up"),
    ("What is shown?", "pleural effusion", "This is most likely a pleural effusion.", True, "the most likely one"),
    ("What is shown?", "pleural effusion", "pleural thickening", False, "a sibling"),
    ("What is shown?", "pleural effusion", "effusion", False, "less exact"),
    ("What is shown?", "pleural effusion", "pleural effusions", True, "a plural"),
    ("What is shown?", "edema", "oedema", True, "British spelling"),
    ("What is shown?", "edema", "oedematous tissue", True, "an adjective"),
    ("What is shown?", "MRI", "Magnetic Resonance Imaging (MRI)", True, "an expansion with its abbreviation"),
    ("What is shown?", "left middle cerebral artery", "left MCA", True, "an abbreviation of a part"),
    ("What is shown?", "middle cerebral artery", "posterior cerebral artery", False, "a sibling artery"),
    ("What is shown?", "middle cerebral artery", "anterior, middle and posterior cerebral artery", False, "all"),
    ("What is shown?", "liver", "liver, heart, spleen", False, "a list of candidates"),
    ("What is shown?", "liver", "liver heart spleen lung", False, "a list without commas"),
    ("What is shown?", "liver", "The liver is next to the stomach.", True, "where it is"),
    ("What is shown?", "stomach", "The liver is next to the stomach.", False, "named to say where another thing is"),
    ("What is shown?", "lung", "lung cancer", False, "inside the name of something else"),
    ("What is shown?", "lung", "lung base", True, "a part of it"),
    ("What is wrong with the spleen?", "enlarged", "The spleen is enlarged.", True, "said of the spleen"),
    ("What is wrong with the spleen?", "enlarged", "The liver is enlarged, the spleen is normal.", False, "not of it"),
    ("What is wrong with the spleen?", "enlarged", "splenomegaly", True, "one word for both"),
    ("Which lobe is affected?", "frontal lobe", "frontal", True, "the question names the lobe"),
    ("Which organ, heart or lung?", "lung", "heart and lung", False, "both of a choice"),
    ("What is in the left lung?", "mass", "a mass in the right lung", False, "against the side of the question"),
    ("What is in the left lung?", "mass", "a mass in the left lung", True, "with it"),
    ("What is the grade?", "grade 2", "stage 2", False, "another rank"),
    ("How many masses?", "3", "3 cm", False, "a length answers no count"),
    ("How many masses?", "3", "There are three masses.", True, "a number word in a sentence"),
    ("What is shown?", r"Left", r"\boxed{\text{Left}}", True, "a wrapper in a wrapper"),
    ("Which rib?", "7th rib", "rib 7", True, "an ordinal"),
    ("What is this not?", "ultrasound", "This is not an ultrasound.", True, "the question denies, too"),
    ("What diseases?", "Atelectasis, Mass", "A lung mass and atelectasis", True, "all items, in another order"),
    ("What diseases?", "Atelectasis, Mass", "Atelectasis", False, "an item too few"),
    ("What diseases?", "Atelectasis, Mass", "Atelectasis, mass, effusion", False, "an item too many"),
    ("Where?", "Right Lung, Lower Left Lung", "left lung, lower right lung", False, "the sides exchanged"),
    ("What contrast?", "noncontrast", "without contrast", True, "a name with a denial in it"),
    ("Where is it?", "above the carina", "3 cm above the carina", True, "a place in the gold answer"),
    ("Where is it?", "above the carina", "below the carina", False, "another place"),
    ("Where?", "Left Lung, Right", "in the left lung and the right lung", True, "a side without its noun"),
    ("Where?", "Left Lung, Right", "both lungs", True, "both sides at once"),
    ("Where?", "Left Lung, Right", "left lung", False, "one side of two"),
    ("How many masses?", "2", "Two: one in the liver and one in the spleen.", True, "parts that sum to the count"),
    ("How many masses?", "2", "Two, and one in the spleen.", False, "numbers that do not"),
    ("Which weighting?", "T2", "T2*", False, "another sequence"),
    ("Which weighting?", "T2", "**T2**", True, "bold"),
    ("Which system?", "CNS", "The central nervous system, specifically the brain.", True, "more exactly"),
    ("Where is it from?", "female reproductive", "The uterus, part of the female reproductive tract", True, "a part"),
    ("Which liver lobe?", "right lobe", "the right kidney", False, "a side of another organ"),
    ("What is shown?", "free air", "The lucency under the diaphragm represents free air.", True, "behind a place"),
    ("Which organ system?", "Cardiovascular", "the heart and great vessels", True, "a name with an and in it"),
    ("Which territory?", "Left ACA", "The left ACA and MCA territories", False, "a list with the question's noun"),
    ("What is shown?", "thyroid adenoma", "thyroid carcinoma", False, "siblings that MeSH has in one heading"),
    ("What is shown?", "liver tumor", "liver cancer", False, "a tumor may be benign"),
    ("What is shown?", "closed fracture", "occult fracture", False, "a kind of it in MeSH"),
    ("What is shown?", "normal chest x-ray", "no abnormality", True, "normal, whatever the picture"),
    ("Which level?", "L2", "second lumbar vertebra", True, "an ordinal for a vertebra"),
    ("Which level?", "L2", "second sacral vertebra", False, "of another part of the spine"),
    ("What is shown?", "pneumonia", "<b>pneumonia</b>", True, "layout tags"),
    (CHOICES, "MRI", "B", True, "the letter of the choice"),
    (CHOICES, "B", "magnetic resonance imaging", True, "the text of a letter"),
    (CHOICES, "B", "The answer is **B: MRI**.", True, "both"),
    (CHOICES, "B: MRI", "Option C", False, "another letter"),
    (CHOICES, "MRI", "A or B", False, "two letters"),
    (CHOICES, "MRI", "A: CT B: MRI C: PET", False, "all of them"),
    (CHOICES, "MRI", "B: CT", False, "a letter with another choice's text"),
    ("图中是什么器官?", "脾脏", "图中的器官是脾", True, "Chinese, in a sentence"),
    ("图中是什么器官?", "脾脏", "肝脏", False, "Chinese, another organ"),
    ("图中是什么器官?", "脾脏", "肝脏、脾脏、肾脏", False, "Chinese, all candidates"),
    ("图中是什么器官?", "脾脏", "不是脾脏", False, "Chinese, denied"),
    ("这是什么模态?", "磁共振", "MRI", True, "the same in English"),
    ("病变在哪里?", "左肺下部", "左下肺", True, "another order of the characters"),
    ("病变在哪里?", "左肺下部", "右下肺", False, "another side"),
    ("有肿瘤吗?", "没有", "图像中没有肿瘤", True, "no in a sentence"),
    ("有肿瘤吗?", "没有", "有肿瘤", False, "yes in a sentence"),
]


@pytest.mark.parametrize(("question", "gold", "answer", "right", "reason"), TABLE)
def test_an_answer_is_right_if_it_states_the_gold_answer(answer_options, question, gold, answer, right, reason):
    score = answer_reward(answer, gold, options=answer_options(), encoder=None, question=question)
    assert (score.value > load_options().tau) is right, (reason, score)


# question, answer, polarity, reason
YES_NO = [
    ("Is there a fracture?", "Yes", "yes", "alone"),
    ("Is there a fracture?", "Yes, there is a fracture", "yes", "the first word"),
    ("Is there a fracture?", "nope", "no", "colloquial"),
    ("Is there a fracture?", "The answer is yes", "yes", "named as the answer"),
    ("Is there a fracture?", "There is a fracture of the femur.", "yes", "the question's words"),
    ("Is there a fracture?", "There is no fracture.", "no", "denied"),
    ("Is there a fracture?", "yes and no", "", "both"),
    ("Is there a fracture?", "No, wait, a fracture is seen, so yes", "", "both, the one at the end"),
    ("Is there a fracture?", "As an AI, I cannot diagnose a fracture.", "", "a refusal"),
    ("Is there a fracture?", "I cannot see a fracture.", "no", "a finding, and no refusal"),
    ("Is there a fracture?", "Yes or no", "", "both"),
    ("Is there a fracture?", "It is not possible to tell.", "", "left open"),
    ("Is there a fracture?", "The heart is large.", "", "about something else"),
    ("Is there a fracture?", "Is there a fracture?", "", "the question again"),
    ("Is there a fracture?", "is there a fracture", "", "without its mark"),
    ("Is the heart enlarged?", "Cardiomegaly is present.", "yes", "one word for both"),
    ("Is the heart enlarged?", "The heart is normal in size.", "no", "the normal state"),
    ("Are the lungs normal?", "The lungs appear normal.", "yes", "the question asks for it"),
    ("Are the lungs normal?", "The lungs are abnormal.", "no", "the opposite"),
    ("Is this a ct scan?", "This is an MRI.", "no", "another modality"),
    ("Is the tumor benign?", "The tumor is malignant.", "no", "the opposite"),
    ("Is the mass in the left lung?", "The mass is in the right lung.", "no", "the other side"),
]


@pytest.mark.parametrize(("question", "answer", "expected", "reason"), YES_NO)
def test_a_sentence_says_yes_or_no(question, answer, expected, reason):
    assert polarity(answer, question) == expected, reason


@pytest.mark.parametrize(
    "forms",
    [
        "metastasis metastases metastatic",
        "vertebra vertebrae vertebral",
        "stenosis stenoses stenotic",
        "carcinoma carcinomas carcinomatous",
        "ischemia ischemic",
        "nodule nodules nodular nodularity",
        "ventricle ventricular",
        "thrombus thrombi",
        "calcified calcification",
        "malignant malignancy",
    ],
)
def test_the_forms_of_a_word_have_one_stem(forms):
    assert len({stem_of(word) for word in forms.split()}) == 1


@pytest.mark.parametrize(
    "words",
    ["pneumonia pneumonitis", "emphysema empyema", "lobar lobular", "fibroid fibrosis", "ileum ilium",
     "diverticulosis diverticulitis", "lymphoma lymphoid", "hepatitis hepatic", "adenoma adenocarcinoma",
     "nephritis nephrosis", "position posterior"],
)  # fmt: skip
def test_siblings_have_two_stems(words):
    assert len({stem_of(word) for word in words.split()}) == 2


def test_one_spelling_of_british_and_american_words():
    assert american("haemorrhage oedema tumour oesophagus leukaemia anaemia fibre localised disc") == (
        "hemorrhage edema tumor esophagus leukemia anemia fiber localized disk"
    )
    assert american("aerobic pseudomonas aeruginosa, raised") == "aerobic pseudomonas aeruginosa, raised"


def test_terms_have_their_names_whatever_order_and_number():
    assert "nephrolithiasis" in load_terms().names(["stones", "kidney"])
    assert load_terms().kinds(["spleen"]) == {"anatomy"}
    assert load_terms().names(["nothing", "known"]) == []
    assert all(kind and names for kind, names in chinese_entries())


WORDS = st.lists(
    st.sampled_from(
        "left right lung liver mass no not or and , . : ( ) / ? yes 3 cm T2 is shows with above because 肺 左 不 "
        "normal enlarged CT MRI without cannot be excluded \n - * \\boxed{ }".split(" ")
    ),
    max_size=20,
).map(" ".join)


@settings(max_examples=200, deadline=None)
@given(prediction=WORDS, gold=WORDS, question=WORDS)
def test_no_answer_question_or_gold_answer_raises(answer_options, prediction, gold, question):
    score = answer_reward(prediction, gold, options=answer_options(), encoder=None, question=question)
    assert 0.0 <= score.value <= 1.0


@settings(max_examples=100, deadline=None)
@given(gold=st.sampled_from(["pleural effusion", "left lower lobe", "cardiomegaly", "3 cm", "axial"]))
def test_without_a_question_the_gold_answer_must_be_stated_whole(answer_options, gold):
    for answer in (gold, f"The image shows {gold}."):
        assert answer_reward(answer, gold, options=answer_options(), encoder=None).value == 1.0
