"""The offline judge: words in common with the gold reasoning, and rules.

judge.py           the rules, in their order
statement.py       is a step a statement at all?
clinical_words.py  words of a clinical sentence, their sides, and the denied words
"""
