"""Golden tables: what is one reasoning step, with the reason of every row."""

from __future__ import annotations

import re

import pytest

from recipe.mrpo.rollout.steps import parse, split_steps


def steps_of(text: str, *, splitter: str = "rules", unclosed_think: str = "drop") -> list[str]:
    return [text[s.start : s.end] for s in split_steps(parse(text), splitter=splitter, unclosed_think=unclosed_think)]


def table(*rows: tuple[str, str, list[str]]) -> pytest.MarkDecorator:
    """Rows of (reason, text inside the think block, steps)."""
    reasons = [reason for reason, _, _ in rows]
    assert len(set(reasons)) == len(reasons), "two rows with one reason"
    return pytest.mark.parametrize(("inside", "expected"), [pytest.param(t, e, id=r) for r, t, e in rows])


@table(
    ("decimal in a size", "The mass is 3.5 cm wide. It is round.", ["The mass is 3.5 cm wide.", "It is round."]),
    ("decimal without a leading zero", "The p-value is .05 here. Good.", ["The p-value is .05 here.", "Good."]),
    ("decimal ends the sentence", "The size is 3.5. It is round.", ["The size is 3.5.", "It is round."]),
    ("integer ends the sentence", "The count is 12. It is high.", ["The count is 12.", "It is high."]),
    ("range of decimals", "It is 1.5-2.0 cm in size. It grew.", ["It is 1.5-2.0 cm in size.", "It grew."]),
    ("version-like number", "ICD code J18.9 fits. It is coded.", ["ICD code J18.9 fits.", "It is coded."]),
    ("thousands and a unit", "WBC is 12.4 x 10.9 /L today. High.", ["WBC is 12.4 x 10.9 /L today.", "High."]),
    ("ratio with a decimal", "The ratio is 0.55 : 1. It is high.", ["The ratio is 0.55 : 1.", "It is high."]),
    ("degree and unit", "Fever of 38.5 °C is seen. Treat it.", ["Fever of 38.5 °C is seen.", "Treat it."]),
    (
        "dose with mg. before lower case",
        "Give 5 mg. daily to him. Stop then.",
        ["Give 5 mg. daily to him.", "Stop then."],
    ),
    ("unit ends the sentence", "The node is 9 mm. The next is small.", ["The node is 9 mm.", "The next is small."]),
    ("cm. ends the sentence", "It measures 3 cm. The edge is sharp.", ["It measures 3 cm.", "The edge is sharp."]),
    ("micro sign", "The dose is 0.5 µg/kg. It is low.", ["The dose is 0.5 µg/kg.", "It is low."]),
    ("pressure", "BP is 140/90 mmHg. It is raised.", ["BP is 140/90 mmHg.", "It is raised."]),
)
def test_numbers_and_units_stay_whole(inside, expected):
    assert steps_of(f"<think>{inside}</think>") == expected


@table(
    ("title Dr.", "Dr. Smith read it. He agrees.", ["Dr. Smith read it.", "He agrees."]),
    ("title Prof. after Dr.", "Prof. Dr. Lee read it. Fine.", ["Prof. Dr. Lee read it.", "Fine."]),
    ("title Mr. and Mrs.", "Mr. Roe and Mrs. Roe came. Both are ill.", ["Mr. Roe and Mrs. Roe came.", "Both are ill."]),
    (
        "e.g. before lower case",
        "Signs, e.g. oedema, are seen. So it is.",
        ["Signs, e.g. oedema, are seen.", "So it is."],
    ),
    ("e.g. before a capital", "Use MRI, e.g. T2 images. They help.", ["Use MRI, e.g. T2 images.", "They help."]),
    ("e.g. in brackets", "A mass (e.g. Wilms tumour) fits. Yes.", ["A mass (e.g. Wilms tumour) fits.", "Yes."]),
    (
        "i.e. before a capital",
        "It is the CNS, i.e. Brain and cord. Yes.",
        ["It is the CNS, i.e. Brain and cord.", "Yes."],
    ),
    ("i.e. with a comma", "It is benign, i.e., harmless. Good.", ["It is benign, i.e., harmless.", "Good."]),
    ("Fig. before a number", "See Fig. 2 for this. It is clear.", ["See Fig. 2 for this.", "It is clear."]),
    ("Fig. in brackets", "It is dense (Fig. 2B). It is old.", ["It is dense (Fig. 2B).", "It is old."]),
    ("Figs. plural", "See Figs. 2 and 3 here. They agree.", ["See Figs. 2 and 3 here.", "They agree."]),
    ("vs. before lower case", "Benign vs. malignant is open. Ask.", ["Benign vs. malignant is open.", "Ask."]),
    ("vs. before a capital", "This is CT vs. MRI now. CT it is.", ["This is CT vs. MRI now.", "CT it is."]),
    ("approx. before a number", "It is approx. 4 cm long. It is big.", ["It is approx. 4 cm long.", "It is big."]),
    ("et al. before a verb", "Smith et al. found it. It is known.", ["Smith et al. found it.", "It is known."]),
    ("et al. before a year", "Smith et al. (2020) found it. Known.", ["Smith et al. (2020) found it.", "Known."]),
    ("species name", "It grew S. aureus in culture. Treat.", ["It grew S. aureus in culture.", "Treat."]),
    ("two species names", "E. coli and K. pneumoniae grew. Both.", ["E. coli and K. pneumoniae grew.", "Both."]),
    ("initials", "J. R. Smith wrote it. He was right.", ["J. R. Smith wrote it.", "He was right."]),
    ("initials after a title", "Dr. J. Smith read it. He agrees.", ["Dr. J. Smith read it.", "He agrees."]),
    ("initials without a space", "J.R. Smith wrote it. He was right.", ["J.R. Smith wrote it.", "He was right."]),
    ("T2-weighted", "It is bright on T2-weighted images. So.", ["It is bright on T2-weighted images.", "So."]),
    ("No. before a number", "See image No. 5 of ten. It is dark.", ["See image No. 5 of ten.", "It is dark."]),
    ("no. in lower case", "Use case no. 12 again. It fits.", ["Use case no. 12 again.", "It fits."]),
    ("No. as a sentence", "Is it large? No. It is small.", ["Is it large?", "No.", "It is small."]),
    ("a.m. before lower case", "At 8 a.m. he was well. He fell.", ["At 8 a.m. he was well.", "He fell."]),
    ("p.m. in mid sentence", "From 8 a.m. to 5 p.m. daily. Rest.", ["From 8 a.m. to 5 p.m. daily.", "Rest."]),
    ("U.S. before lower case", "In the U.S. population it is rare. So.", ["In the U.S. population it is rare.", "So."]),
    ("etc. in mid sentence", "Liver, spleen, etc. are fine. Good.", ["Liver, spleen, etc. are fine.", "Good."]),
    ("Eq. and Ref.", "By Eq. 3 and Ref. 7 it holds. Done.", ["By Eq. 3 and Ref. 7 it holds.", "Done."]),
    ("cf. before a capital", "It is old, cf. Table 1 there. Yes.", ["It is old, cf. Table 1 there.", "Yes."]),
    ("St. before a name", "St. Mary sent it. It is new.", ["St. Mary sent it.", "It is new."]),
)
def test_abbreviations_stay_whole(inside, expected):
    assert steps_of(f"<think>{inside}</think>") == expected


@table(
    ("full stop", "It is CT. It is axial.", ["It is CT.", "It is axial."]),
    ("full stop and a capital acronym", "This is an MRI. CT is better.", ["This is an MRI.", "CT is better."]),
    ("exclamation mark", "Look! It is here.", ["Look!", "It is here."]),
    ("question mark", "Is it CT? It is MRI.", ["Is it CT?", "It is MRI."]),
    ("two marks", "Is it CT?! It is MRI.", ["Is it CT?!", "It is MRI."]),
    ("full stop inside brackets", "(It is CT.) It is axial.", ["(It is CT.)", "It is axial."]),
    ("full stop after brackets", "It is CT (axial). It is clear.", ["It is CT (axial).", "It is clear."]),
    ("full stop inside bold", "**It is CT.** It is axial.", ["**It is CT.**", "It is axial."]),
    ("full stop after bold", "It is **CT**. It is axial.", ["It is **CT**.", "It is axial."]),
    ("full stop inside quotes", 'He said "It is CT." It is axial.', ['He said "It is CT."', "It is axial."]),
    ("full stop inside curly quotes", "He said “It is CT.” It is axial.", ["He said “It is CT.”", "It is axial."]),
    ("full stop after quotes", 'It is a "halo sign". It is rare.', ['It is a "halo sign".', "It is rare."]),
    ("sentence opens with a quote", 'It is CT. "Halo" is seen.', ["It is CT.", '"Halo" is seen.']),
    ("sentence opens with bold", "It is CT. **Liver** is seen.", ["It is CT.", "**Liver** is seen."]),
    ("sentence opens with a bracket", "It is CT. (Axial it is.)", ["It is CT.", "(Axial it is.)"]),
    ("sentence opens with a digit", "It is CT. 3 nodes are seen.", ["It is CT.", "3 nodes are seen."]),
    ("several spaces", "It is CT.   It is axial.", ["It is CT.", "It is axial."]),
    ("newline after a full stop", "It is CT.\nIt is axial.", ["It is CT.", "It is axial."]),
    ("tab after a full stop", "It is CT.\tIt is axial.", ["It is CT.", "It is axial."]),
    ("last sentence has no full stop", "It is CT. It is axial", ["It is CT.", "It is axial"]),
    ("one sentence without a full stop", "it is ct", ["it is ct"]),
    ("space around the block is trimmed", "\n  It is CT. \n", ["It is CT."]),
    ("ideographic full stop, no space", "肺部有阴影。心脏正常。", ["肺部有阴影。", "心脏正常。"]),
    ("ideographic question mark", "是肺炎吗？是的。", ["是肺炎吗？", "是的。"]),
    ("ideographic comma does not end", "肺部，有阴影。", ["肺部，有阴影。"]),
    (
        "letter of a type ends the sentence",
        "It is hepatitis B. The liver is big.",
        ["It is hepatitis B.", "The liver is big."],
    ),
    (
        "option letter ends the sentence",
        "The answer is option A. It is clear.",
        ["The answer is option A.", "It is clear."],
    ),
    ("URL", "See https://a.org/b.html?x=1.2 for it. Yes.", ["See https://a.org/b.html?x=1.2 for it.", "Yes."]),
    ("file name", "The file is scan.nii.gz here. Open it.", ["The file is scan.nii.gz here.", "Open it."]),
    ("ellipsis before lower case", "It is... perhaps CT. It is.", ["It is... perhaps CT.", "It is."]),
    ("ellipsis before a capital", "Let me see... The liver is big.", ["Let me see...", "The liver is big."]),
    ("comma, colon and semicolon do not end", "First, CT: axial; clear.", ["First, CT: axial; clear."]),
    ("line break inside a sentence", "The liver is\nlarge. It is old.", ["The liver is\nlarge.", "It is old."]),
)
def test_steps_end_at_the_end_of_sentences(inside, expected):
    assert steps_of(f"<think>{inside}</think>") == expected


@table(
    ("dash items", "- the lung is clear\n- the heart is big", ["- the lung is clear", "- the heart is big"]),
    ("star items", "* the lung\n* the heart", ["* the lung", "* the heart"]),
    ("numbered items", "1. the lung\n2. the heart", ["1. the lung", "2. the heart"]),
    ("numbered items with brackets", "1) the lung\n2) the heart", ["1) the lung", "2) the heart"]),
    (
        "numbered items of two sentences",
        "1. It is CT. It is axial.\n2. So.",
        ["1. It is CT.", "It is axial.", "2. So."],
    ),
    ("numbered items on one line", "1. It is CT. 2. It is axial.", ["1. It is CT.", "2. It is axial."]),
    ("two-digit item", "9. It is CT.\n10. It is axial.", ["9. It is CT.", "10. It is axial."]),
    ("indented items", "It is:\n  - a lung\n  - a heart", ["It is:", "- a lung", "- a heart"]),
    ("Step headings", "Step 1: Look at it. Step 2: Find it.", ["Step 1: Look at it.", "Step 2: Find it."]),
    ("Step headings on lines", "Step 1: look at it\nStep 2: find it", ["Step 1: look at it", "Step 2: find it"]),
    ("Step heading alone on its line", "Step 1:\nLook at it. Go on.", ["Step 1:\nLook at it.", "Go on."]),
    ("bare number alone on its line", "1.\nLook at it.\n2.\nGo on.", ["1.\nLook at it.", "2.\nGo on."]),
    ("bare number before a blank line", "1.\n\nLook at it.", ["1.\n\nLook at it."]),
    ("bold items", "1. **Lung**: clear.\n2. **Heart**: big.", ["1. **Lung**: clear.", "2. **Heart**: big."]),
    ("blank line ends a step", "the lung is clear\n\nthe heart is big", ["the lung is clear", "the heart is big"]),
    (
        "blank line with spaces on it",
        "the lung is clear\n  \nthe heart is big",
        ["the lung is clear", "the heart is big"],
    ),
    ("several blank lines", "It is CT.\n\n\n\nIt is axial.", ["It is CT.", "It is axial."]),
    ("carriage returns", "the lung is clear\r\n\r\nthe heart is big", ["the lung is clear", "the heart is big"]),
    ("hyphen inside a word is no item", "It is well-defined - and old. So.", ["It is well-defined - and old.", "So."]),
    ("minus sign is no item", "The value is\n-3 HU here. So.", ["The value is\n-3 HU here.", "So."]),
    ("bold line is no star item", "It is\n**large** here. So.", ["It is\n**large** here.", "So."]),
)
def test_steps_end_at_list_items_and_blank_lines(inside, expected):
    assert steps_of(f"<think>{inside}</think>") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("It is CT. It is axial.", [], id="no tag: no steps"),
        pytest.param("", [], id="empty text"),
        pytest.param("<think></think>", [], id="empty block"),
        pytest.param("<think> \n </think>", [], id="blank block"),
        pytest.param("<think>A is.</think>", ["A is."], id="think"),
        pytest.param("<thinking>A is.</thinking>", ["A is."], id="thinking"),
        pytest.param("<THINK>A is.</Think>", ["A is."], id="tags in any case"),
        pytest.param("<Thinking>A is.</THINKING>", ["A is."], id="thinking in any case"),
        pytest.param(
            "Hello. <think>A is.</think> Bye. <answer>B c.</answer>", ["A is."], id="text outside has no steps"
        ),
        pytest.param(
            "<think>A is.</think> x. <think>B is. C is.</think>", ["A is.", "B is.", "C is."], id="blocks concatenate"
        ),
        pytest.param("<think>It is</think><think>large.</think>", ["It is", "large."], id="no step spans two blocks"),
        pytest.param("<think>A is. <answer>yes</answer>", ["A is."], id="answer ends the block"),
        pytest.param("<think>A is. <answer>yes. No.</answer> B is.</think>", ["A is."], id="nothing after that answer"),
        pytest.param("<think>A is. <ANSWER>yes</ANSWER>", ["A is."], id="answer tag in any case"),
        pytest.param("<think>A is.</think></think>", ["A is."], id="closing tag twice"),
        pytest.param("A is.</think><answer>yes</answer>", ["A is."], id="the prompt opened the block"),
        pytest.param("<think>A is. B is", [], id="unclosed block has no steps"),
        pytest.param("<think>A is.</think><think>B is. C", ["A is."], id="only the unclosed block has none"),
        pytest.param("<thinker>A is.</thinker>", [], id="another tag that begins alike"),
        pytest.param("<answer>A is.</answer>", [], id="an answer alone"),
        pytest.param(
            "<think>a < b is so. c > d is so.</think>", ["a < b is so.", "c > d is so."], id="angle brackets are text"
        ),
    ],
)
def test_steps_come_from_think_blocks_only(text, expected):
    assert steps_of(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("<think>A is. B is", ["A is.", "B is"], id="unclosed block"),
        pytest.param("<think>A is.</think><think>B is", ["A is.", "B is"], id="closed and unclosed"),
        pytest.param("<think>A is.</think>B is", ["A is."], id="closed block: no difference"),
        pytest.param("<think>A is. <answer>yes", ["A is."], id="an open answer ends the block"),
        pytest.param("<think>", [], id="nothing after the tag"),
    ],
)
def test_unclosed_keep_splits_a_truncated_block(text, expected):
    assert steps_of(text, unclosed_think="keep") == expected


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("<think>A is.<think>B is.</think>", id="opened twice, closed once"),
        pytest.param("<think>A is.<think>B is.</think>C is.</think>", id="nested"),
        pytest.param("<think><think>B is.</think></think>", id="doubled"),
        pytest.param("<thinking>A is.<think>B is.</think></thinking>", id="the other spelling inside"),
    ],
)
def test_tags_never_belong_to_a_step(text):
    steps = steps_of(text, unclosed_think="keep")
    assert "B is." in steps
    assert not any(re.search(r"</?think", step) for step in steps)


REFERENCE = re.compile(r"(?<=[.!?])\s+(?=\S)")


@pytest.mark.parametrize(
    "inside",
    [
        pytest.param("It is CT. It is axial.", id="plain"),
        pytest.param("See e.g. Fig. 2 by Dr. J. Smith et al. there.", id="breaks at abbreviations, as published"),
        pytest.param("It is **CT.** Next! Why? So", id="does not break after a bold full stop"),
        pytest.param("the lung\n\nthe heart\n- the liver", id="does not break at lines"),
        pytest.param("肺部有阴影。心脏正常。", id="does not break at ideographic full stops"),
        pytest.param("It is 3.5 cm.\n\nSo... It is", id="space of any kind"),
    ],
)
def test_reference_splitter_is_the_published_regex(inside):
    assert steps_of(f"<think>{inside}</think>", splitter="reference") == REFERENCE.split(inside)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"splitter": "nltk", "unclosed_think": "drop"}, "nltk"),
        ({"splitter": "rules", "unclosed_think": "none"}, "none"),
    ],
)
def test_an_unknown_option_is_named_in_the_error(options, named):
    with pytest.raises(ValueError, match=named):
        split_steps(parse("<think>A is.</think>"), **options)
