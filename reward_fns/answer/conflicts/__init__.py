"""Differences that make two similar answers contradict each other.

find.py          all kinds of conflict; `find_conflict` names the first
numbers.py       other numbers, other bounds
opposites.py     opposites about the same word
bound_words.py   sides and numbers and the word that they go with
word_lists.py    the words that exclude one another
"""
