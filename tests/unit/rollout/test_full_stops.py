"""Golden tables: which full stops end a step. `¦` stands where a step ends; every row has its reason."""

from __future__ import annotations

import pytest

from tests.unit.rollout.step_tables import cut, cut_table, steps_of


@cut_table(
    ("virus type before a noun", "The cause is hepatitis C.¦ Liver enzymes are high."),
    ("virus type opens the block", "hepatitis C.¦ Cirrhosis is likely."),
    ("type of dissection", "It is type A.¦ Dissection of the aorta is seen."),
    ("stage", "It is stage I.¦ Surgery is planned."),
    ("option", "option B.¦ Mass effect is seen."),
    ("vitamin", "He lacks vitamin K.¦ Warfarin is a cause."),
    ("class with a hyphen", "Child-Pugh B.¦ Surgery is risky."),
    ("named classification", "It is Stanford A.¦ Operate now."),
    ("blood group", "He has group O.¦ Transfuse it."),
    ("roman numeral of a nerve", "It is nerve V.¦ Sensation is lost."),
    ("two regions", "Mass in region A.¦ Another one lies in region B.¦ Both are old."),
    ("image letters", "Look at image A.¦ Then compare image B.¦ Done."),
    ("small letter", "It is type b.¦ Treat it."),
    ("small letters behind it", "It is hepatitis C.¦ liver enzymes are high."),
    ("another noun than those listed", "It is NF kappa B.¦ Drugs block it."),
    ("roman numeral of several letters", "It is grade III.¦ Surgery follows."),
    ("unit after a number", "It is 38.5 C.¦ Antibiotics help."),
    ("degree before the letter", "It is 38.5 °C.¦ Antibiotics help."),
    ("field strength", "It was done at 1.5 T.¦ Contrast was given."),
)
def test_a_letter_that_names_a_type_or_a_unit_ends_its_sentence(marked):
    assert cut(marked) == marked


@cut_table(
    ("author", "It was read by J. Smith there.¦ Good."),
    ("author after the noun", "The author J. Smith agrees.¦ Good."),
    ("middle initial", "John F. Kennedy came.¦ He is ill."),
    ("genus before a capital", "It grew S. Pneumoniae in culture.¦ Treat."),
    ("genus after a noun that names types", "A strain of the group E. coli grew.¦ So."),
    ("genus in small letters", "The c. difficile toxin is seen.¦ Treat."),
    ("side", "The L. lung and the R. lung are clear.¦ So."),
    ("vertebra", "The L. 4 vertebra is broken.¦ So."),
    ("answer with its text", "The answer is A. Pneumonia is not seen."),
    ("acronym", "The U.S.A. is big.¦ So."),
)
def test_an_initial_a_genus_or_a_side_stays_with_its_word(marked):
    assert cut(marked) == marked


@cut_table(
    ("sup.", "The sup. mesenteric artery is patent.¦ It is fine."),
    ("inf.", "The inf. vena cava is wide.¦ Yes."),
    ("ant. and post.", "The ant. and post. walls move.¦ Yes."),
    ("lat.", "The lat. wall moves.¦ Yes."),
    ("prox. before a short name", "The prox. LAD is stenosed.¦ Stent it."),
    ("dist.", "The dist. radius is broken.¦ Fix it."),
    ("ext. and int.", "The ext. iliac and the int. carotid are patent.¦ So."),
    ("a direction ends the sentence", "The lesion is post.¦ The rest is fine."),
    ("a modality opens the next sentence", "The lesion is post.¦ CT shows it."),
    ("mult. and hx.", "Pts. with hx. of cancer have mult. nodules.¦ So."),
    ("pt.", "The pt. has a hx. of TB.¦ Treat."),
    ("mod.", "It shows mod. to severe oedema.¦ So."),
    ("gr. before a number", "It is gr. 2 disease.¦ Ok."),
    ("seg. before a number and a numeral", "Seg. 4 and seg. IV are large.¦ So."),
    ("mm. Hg", "BP is 120/80 mm. Hg today.¦ High."),
    ("cm. H2O", "It is 12 cm. H2O now.¦ So."),
    ("b.i.d.", "He takes it b.i.d. with food.¦ So."),
    ("v. cava", "The v. cava is wide.¦ Yes."),
    ("a. carotis", "The a. carotis interna is patent.¦ Yes."),
    ("a. before a verb", "The ext. iliac a. is patent.¦ So."),
    ("m. psoas", "The m. psoas is large.¦ Yes."),
    ("n. facialis", "n. facialis is intact.¦ So."),
    ("r. of a nerve", "The r. dexter is patent.¦ So."),
    ("aa. and vv.", "Aa. coronariae and vv. pulmonales are patent.¦ Yes."),
    ("mm. of muscles", "The mm. intercostales are normal.¦ Yes."),
    ("lig.", "The lig. flavum is thick.¦ So."),
    ("Russian", "См. рис. 2 здесь.¦ Размер 3 см.¦ Да."),
    ("German", "Siehe z. B. Abb. 2 hier, d.h. unten.¦ Ja."),
    ("in bold", "It is **Dr.** Smith here.¦ So."),
    ("at the end of brackets in a sentence", "A mass (2 cm approx.) is seen.¦ So."),
    ("at the end of brackets that end the sentence", "It is big (2 cm approx.)¦ The rest is fine."),
    ("the number of an abbreviation ends the sentence", "See Fig. 2.¦ The rest is fine."),
)
def test_abbreviations_of_anatomy_and_the_clinic_stay_whole(marked):
    assert cut(marked) == marked


@cut_table(
    ("a decimal with a space in it", "The mass is 3. 5 cm wide.¦ It is old."),
    ("the same with a dose", "He takes 2. 5 mg of it.¦ So."),
    ("a count opens the next sentence", "The count is 12.¦ 3 nodes are seen."),
    ("days with a hyphen", "He has a -2-day history.¦ So."),
    ("percent", "HbA1c is 7.5%.¦ High."),
    ("comparisons are not tags", "It is <5 mm and >3 mm.¦ So."),
)
def test_numbers_stay_whole(marked):
    assert cut(marked) == marked


@cut_table(
    ("three statements", "The heart is large.¦The lungs are clear.¦No effusion."),
    ("question and exclamation marks", "Is it large?¦No.¦It is small!¦Good."),
    ("a short name follows", "It is large.¦CT is better."),
    ("a short name stands before", "It is an MRI.¦The liver is big."),
    ("a number stands before", "The size is 3.¦The lungs are clear."),
    ("a unit stands before", "It measures 3 cm.¦The edge is sharp."),
    ("a unit that sticks to its number", "The dose is 2.5mg.¦It is low."),
    ("a ratio", "The ratio is 3:1.¦The mass is big."),
    ("percent and degrees", "It is 50%.¦It is 38.5°C.¦The mass is big."),
    ("a type stands before", "It is hepatitis C.¦Liver is big."),
    ("items of a list", "1.Mass in the lung.¦2.Effusion is seen."),
    ("brackets", "It is (large).¦The lungs are clear."),
    ("bold", "**It is large.**¦It is old."),
    ("an ellipsis", "It is large...¦The lungs are clear."),
    ("small letters", "the lungs are clear.¦the heart is large.¦no effusion."),
    ("Chinese with a Latin full stop", "肺部有阴影.¦心脏正常."),
    ("Chinese with a Latin question mark", "是肺炎吗?¦是的."),
    ("Russian", "Сердце увеличено.¦Лёгкие чистые."),
    ("Korean", "심장이 큽니다.¦폐는 깨끗합니다."),
    ("a blank before the mark", "The heart is large .¦The lungs are clear."),
    ("a figure", "It is seen in Fig.2.¦The mass is big."),
    ("a p-value", "It holds with p<0.05.¦The mass is big."),
    ("a genus follows", "E.coli grew.¦S.aureus grew too."),
    ("Chinese behind a Latin name", "这是CT.¦肺部正常."),
    ("a zero-width space", "The lungs are clear.¦\u200bNo effusion."),
)
def test_a_sentence_needs_no_space_behind_its_mark(marked):
    assert cut(marked) == marked


@cut_table(
    ("decimals", "It is 3.5 cm.¦ See e.g.the liver."),
    ("genus and initial", "It grew S.aureus for J.Smith.¦ So."),
    ("a title", "See Dr.Smith now.¦ He knows."),
    ("versions", "Use v2.0.1 of ITK.js now.¦ Yes."),
    ("object identifiers", "Seen in DICOM tag 1.2.840.10008 here.¦ Yes."),
    ("a code", "ICD code J18.9 fits.¦ Yes."),
    ("an address with a query", "See https://a.org/b.html?X=1.2 for it.¦ Yes."),
    ("an address with capitals", "See www.Example.com/a.The for it.¦ Yes."),
    ("a mail address", "Write to a.b@Foo.com for it.¦ Yes."),
    ("a file", "Open image.PNG and scan.nii.gz now.¦ Yes."),
    ("a path", "Open C:\\Users.The there.¦ Yes."),
    ("an acronym", "He was in the U.S.Army then.¦ Yes."),
    ("the mark of a list", "1.The lung is clear."),
)
def test_a_full_stop_inside_a_number_a_name_or_an_address_ends_nothing(marked):
    assert cut(marked) == marked


@cut_table(
    ("full-width full stop", "肺部有阴影．¦心脏正常．"),
    ("full-width decimals", "大きさは３．５ｃｍである．¦正常．"),
    ("half-width ideographic full stop", "肺は正常｡¦心臓も正常｡"),
    ("full-width question and exclamation marks", "肺部有阴影！¦心脏正常？¦好。"),
    ("full-width comma and semicolon end nothing", "肺部，有阴影；心脏正常。"),
    ("Chinese ellipsis", "它是CT……¦心脏正常"),
    ("danda", "फेफड़े साफ हैं।¦ हृदय बड़ा है।"),
    ("Arabic question mark", "هل الرئة سليمة؟¦ نعم، سليمة."),
    ("Urdu full stop", "پھیپھڑے صاف ہیں۔¦ دل بڑا ہے۔"),
    ("Burmese", "အဆုတ်ကောင်းသည်။¦နှလုံးကြီးသည်။"),
    ("Ethiopic", "ሳንባው ንጹህ ነው።¦ልቡ ትልቅ ነው።"),
    ("Khmer", "សួតធម្មតា។¦បេះដូងធំ។"),
    ("Greek", "Η καρδιά είναι μεγάλη.¦ Οι πνεύμονες είναι καθαροί."),
)
def test_marks_of_other_scripts_end_a_step(marked):
    assert cut(marked) == marked


UNSEEN = "\u00ad\u061c\u200b\u200c\u200d\u200e\u200f\u202a\u202e\u2060\u2063\u2066\u2069\ufeff"


@pytest.mark.parametrize("mark", UNSEEN, ids=ascii)
def test_a_character_that_nobody_sees_hides_no_end_of_a_step_and_makes_none(mark):
    for text in (
        f"The lung is clear.{mark} The heart is large.", f"The lung is clear{mark}. The heart is large.",
        f"The lung is clear. {mark}The heart is large.", f"The lung is clear.{mark}The heart is large.",
        f"Is it clear?{mark} The heart is large.", f'It is "clear."{mark} The heart is large.',
    ):  # fmt: skip
        assert len(steps_of(text)) == 2, ascii(text)
    for text in (f"Seen by Dr.{mark} Smith.", f"The sup.{mark} artery is wide.", f"It is 3.{mark}5 cm wide."):
        assert len(steps_of(text)) == 1, ascii(text)


@cut_table(
    ("in brackets", "The lung is clear.[1]¦ The heart is large.[2, 3]"),
    ("raised by a caret", "The lung is clear.^1¦ The heart is large.^{12}"),
    ("a note in Markdown", "The lung is clear.^[1]¦ The heart is large."),
    ("in raised figures", "The lung is clear.¹²¦ The heart is large."),
)
def test_a_reference_behind_a_sentence_belongs_to_it(marked):
    assert cut(marked) == marked
