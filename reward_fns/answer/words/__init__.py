"""One spelling for answers that mean the same.

normalise.py     the rules in their order; `tokens` gives the words that are compared
symbols.py       + and -, < and >, arrows, ranges, sums
synonyms.py      abbreviations and spellings of medical terms
spelling.py      British spellings as American ones
number_words.py  two hundred = 200, fourth = 4th, grade II = grade 2
quantities.py    numbers with their units; units.py is the table of units
"""
