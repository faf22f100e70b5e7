"""Words that decide about a full stop: abbreviations, units, names of types, words that open a sentence.

All are lower case. Add a word to the list whose comment describes how it is used.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


NEVER_ENDS = _words(
    # in front of a name
    "dr drs mr mrs ms prof rev hon gen col capt sgt st "
    # in front of a clause
    "e.g i.e eg ie vs v.s cf viz approx ca incl esp var subsp rt lt "
    # in other languages
    "z.b d.h bzw u.a т.е напр"
)
"""Never end a sentence: something always follows them."""

BEFORE_A_NUMBER = _words(
    "fig figs no nos eq eqs ref refs sec ch chap vol p pp tab art nr gr seg segm abb рис табл "
    "jan feb mar apr jun jul aug sep sept oct nov dec"
)
"""Abbreviations only in front of a number or a label ("Fig. 2", "No. 5"); otherwise words that may end a sentence."""

DIRECTIONS = _words("sup inf ant post lat prox dist med int ext transv sag cor obl")
"""Adjectives of anatomy ("sup. mesenteric artery", "prox. LAD"): go on before a small letter, a digit, a short name."""

MAY_END = DIRECTIONS | _words(
    "etc jr sr inc ltd co corp dept a.m p.m resp max min wt ht pt pts temp sp spp "
    # clinical shorthand
    "hx dx ddx tx rx sx fx bx pmh abd bilat unilat mult susp neg pos norm abn hosp neuro vasc pulm mod sev "
    "b.i.d t.i.d q.i.d "
    # anatomy in Latin: arteries, veins, nerves, ligaments, glands and so on
    "см aa vv nn rr lig ligg gl gll art proc tub tuberc gangl plex segm lob bronch vert cerv thor lumb sacr mand cran"
)
"""End a sentence only if the next one begins like one, with a capital letter."""

UNITS = _words("mg g kg ml l dl mm cm m hr hrs wk wks yr yrs sec in ft oz lb tbsp tsp")
"""After a number they go on before a word that opens no sentence ("5 mg. daily")."""

MUSCLES = _words("m mm")
"""Units that also stand for musculus and musculi, where no number stands before them ("mm. intercostales")."""

UNIT_TAILS = _words("hg h2o")
"""Second word of a unit: "120/80 mm. Hg"."""

ABBREVIATIONS = NEVER_ENDS | BEFORE_A_NUMBER | MAY_END | UNITS | {"al"}

OPENERS = _words(
    "the this that these those it its there here in on at a an no not so thus therefore however hence overall given "
    "since because as if when while although though but and or we i you he she they both all each neither none based "
    "after before with without from for by to final finally first second third next then also additionally furthermore "
    "moreover considering looking among another other our my is are was were"
)
"""Open a sentence even after an initial or an acronym ("… hepatitis C. The liver …")."""

TIGHT_OPENERS = _words("the there this these those that no")
"""Open a sentence in small letters directly after a full stop ("clear.no effusion")."""

LETTERED = _words(
    "hepatitis type subtype stage grade class group option choice answer vitamin influenza category factor protein "
    "serotype strain phase zone level lead panel part region area point segment lobe letter label arrow structure "
    "image figure plan troponin complement lipoprotein apolipoprotein haemophilia hemophilia child-pugh pugh stanford "
    "debakey bclc dukes weber garden mason nyha ajcc figo who gustilo salter-harris couinaud fontaine cn nerve score"
)
"""Name types with a letter or a numeral: after them a single letter ends the sentence ("hepatitis C. Surgery …")."""

BEFORE_A_GENUS = _words("strain serotype type subtype group class")
"""Of these, the ones that a genus may follow ("a strain of the group E. coli")."""

MEASURED = LETTERED | _words("ratio size count number value index volume width length height pressure rate age total")
"""Before a colon, a number is their value ("Grade: 1."), not the mark of a list ("Findings: 1. Mass …")."""

BEFORE_INITIALS = OPENERS | _words(
    # small words and verbs in front of a name
    "of see via per like than into over under about named called versus grew grows shows found isolated identified "
    "detected suggests cultured has have had be been being "
    # people and species
    "author authors patient doctor physician radiologist surgeon professor pathologist investigator colleague "
    "bacterium bacteria species organism pathogen fungus yeast parasite"
)
"""After them a single capital letter is an initial ("author J. Smith", "grew S. Aureus")."""

JOINS_LINES = _words(
    "the a an of in on at to for from by with without and or but nor as than that which who whose is are was were be "
    "been has have had shows show suggests suggest no not its their this these those left right into over under"
)
"""A line that ends in one of them goes on in the next line."""

MODALITIES = _words("ct mri mr us pet cxr ecg ekg xr dsa mra cta")
"""Short names that open a sentence after a direction ("It is post. CT shows …")."""

FILE_ENDINGS = _words("png jpg jpeg dcm nii gz pdf txt csv json xml html gif tif tiff bmp zip com org net edu")
"""Follow a full stop in names of files and hosts."""
