"""Golden tables: marks of lists, headings, lines, tags and arrows. `¦` stands where a step ends."""

from __future__ import annotations

from tests.unit.rollout.step_tables import cut, cut_table


@cut_table(
    ("roman numerals", "II. Mass is seen.¦ III. It is big."),
    ("small roman numerals", "ii. mass is seen.¦ iii. it is big."),
    ("roman numerals in brackets", "(i) The lung is clear.¦ (ii) The heart is big."),
    ("two levels", "1.1. Mass is seen.¦ 1.2. It is big."),
    ("two levels on lines", "1.1 Lung is clear.¦\n1.2 Heart is big."),
    ("questions", "Q1. What is it?¦ Q2. Is it big?"),
    ("letters with a bracket", "a) The lung is clear.¦ b) The heart is big."),
    ("numbers in brackets", "(1) The lung is clear.¦ (2) The heart is big."),
    ("number, stop and bracket", "1.) The lung is clear.¦ 2.) The heart is big."),
    ("number and colon", "1: Mass is seen.¦ 2: It is big."),
    ("Finding 1.", "Finding 1. The lung is clear.¦ Finding 2. The heart is big."),
    ("Step one.", "Step one. The lung is clear.¦ Step two. The heart is big."),
    ("Step I.", "Step I. The lung is clear.¦ Step II. The heart is big."),
    ("Step 1 alone on its line", "Step 1\nThe lung is clear.¦\nStep 2\nThe heart is big."),
    ("Finding #1 and Step-1", "Finding #1. Mass is seen.¦ Step-1. Look at it."),
    ("a number with a letter", "1.a. Mass is seen.¦ 1.b. Effusion is seen."),
    ("1st", "1st. Mass is seen.¦ 2nd. Effusion is seen."),
    ("numbers between tags", "<b>1.</b> Mass is seen.¦ <b>2.</b> Effusion is seen."),
    ("numbers in bold", "**1.** Mass is seen.¦ **2.** Effusion is seen."),
    ("behind words and a dash", "Findings - 1. Mass is seen.¦ 2. Effusion is seen."),
    ("numbers of one character", "⑴ Mass is seen¦ ⑵ Effusion is seen"),
    ("Point 1)", "Point 1) The lung is clear.¦ Point 2) The heart is big."),
    ("First.", "First. The lung is clear.¦ Second. The heart is big."),
    ("behind a heading", "Findings: 1. Mass in the left lung.¦ 2. Effusion."),
    ("behind a heading, as a letter", "Findings: a. Mass in the left lung.¦ b. Effusion."),
    ("behind words and a colon", "I see two things: 1. Mass in the lung.¦ 2. Effusion."),
    ("no space", "1.The lung is clear.¦\n2.The heart is big."),
    ("Chinese", "1、肺部有阴影¦\n2、心脏正常"),
    ("circled numbers without space", "①肺部有阴影¦②心脏正常"),
    ("circled numbers", "① The lung is clear¦ ② The heart is big"),
    ("bullets of other kinds", "• mass¦\n▪ effusion¦\n→ old"),
    ("letters", "A. Mass in the lung.¦ B. Effusion."),
)
def test_a_list_mark_joins_the_sentence_behind_it(marked):
    assert cut(marked) == marked


@cut_table(
    ("a grade", "Grade: 1.¦ It is low."),
    ("a number in words", "How many are there?¦ One.¦ It is old."),
    ("a ratio", "The ratio is 2: 1.¦ It is high."),
    ("a figure of that number", "如图①所示。¦正常。"),
)
def test_a_value_is_not_a_list_mark(marked):
    assert cut(marked) == marked


@cut_table(
    ("one word before a list", "Findings:\n1. Mass in the lung.¦\n2. Effusion."),
    ("one word in bold", "**Findings:** The lung is clear.¦ So."),
    ("one word before a blank line", "Therefore:\n\nThe heart is big."),
    ("Markdown", "### Findings\nThe lung is clear.¦\n### Final impression\nNormal study."),
    ("a line in bold", "**Left lung**\nThe lung is clear."),
    ("an item in bold", "1. **Lung**\nThe lung is clear.¦\n2. **Heart**\nIt is big."),
    ("Chinese", "结论：心脏正常。¦肺部正常。"),
    ("a part of a report", "FINDINGS\nThe heart is large¦\nIMPRESSION\nIt is heart failure"),
    ("several lines below", "Impression:\nNormal heart.¦\nClear lungs."),
)
def test_a_heading_joins_the_sentence_behind_it(marked):
    assert cut(marked) == marked


@cut_table(
    ("statements", "The heart is large¦\nThe lungs are clear¦\nNo effusion"),
    ("carriage returns", "The heart is large¦\r\nThe lungs are clear"),
    ("Chinese", "肺部有阴影¦\n心脏正常"),
    ("a small letter goes on", "heart normal\nlungs clear"),
    ("a comma goes on", "The mass is seen,\nThe edge is sharp."),
    ("a colon goes on", "Let me think step by step:\nThe heart is big."),
    ("a small word goes on", "The lesion is in the\nLeft lung.¦ So."),
    ("a verb that needs more", "It shows\nPneumonia"),
    ("a number goes on", "The mass measures\n3 cm"),
    ("an abbreviation goes on", "It was read by Dr.\nSmith.¦ So."),
)
def test_a_line_is_a_step_if_the_next_one_begins_like_a_sentence(marked):
    assert cut(marked) == marked


@cut_table(
    ("br after a full stop", "The heart is large.<br>¦The lungs are clear.<br/>¦No effusion."),
    ("br with a space", "The heart is large.<br />¦ The lungs are clear."),
    ("br without a full stop", "The heart is large<br>¦The lungs are clear"),
    ("br inside a sentence", "The heart is<br>large now."),
    ("two of them", "mass<br><br>¦effusion"),
    ("paragraphs", "<p>The heart is large.</p>¦<p>The lungs are clear.</p>"),
    ("items", "<ul><li>mass in the lung</li>¦<li>effusion</li></ul>"),
    ("bold around a sentence", "<b>Bold.</b>¦ End."),
    ("bold around a sentence, no space", "<b>Bold.</b>¦The end."),
    ("bold inside a sentence", "It is <b>large</b>.¦ It is old."),
    ("a subscript", "It has a CO<sub>2</sub> level.¦ So."),
    ("italics around a genus", "<i>S. aureus</i> grew.¦ Treat."),
    ("a reference", "The heart is large.[1]¦ The lungs are clear.[2,3]¦ So."),
    ("a reference, no space", "The heart is large.[1]¦The lungs are clear."),
    ("a reference inside the sentence", "The heart is large [1].¦ The lungs are clear."),
    ("a raised reference", "The heart is large.¹¦ The lungs are clear.²"),
)
def test_tags_and_references_close_the_sentence_before_them(marked):
    assert cut(marked) == marked


@cut_table(
    ("a chain of statements", "mass in the left lung¦ → malignancy likely¦ → biopsy needed"),
    ("ASCII arrows", "heart failure is likely¦ -> oedema is seen¦ => treat it now"),
    ("single words", "T1 → T2 shift.¦ So."),
    ("a change of a value", "It grew from 12 mm → 15 mm.¦ So."),
    ("no space", "An A->B shift is seen.¦ So."),
)
def test_an_arrow_between_two_statements_begins_a_step(marked):
    assert cut(marked) == marked
