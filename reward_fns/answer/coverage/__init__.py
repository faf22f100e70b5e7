"""Does an answer say what the gold answer says, in a sentence or in other words?

covered.py       the decision: the gold answer's words are stated, and nothing speaks against them
reading.py       what an answer states, sentence by sentence, and what it denies, compares or leaves open
gold.py          what must be stated: the gold answer's items without the words of the question; other names of them
subjects.py      is it said of what the question asks about?
candidates.py    lists of candidates of which the gold answer is one
yes_no.py        yes or no, also said in a sentence
chinese.py       the same for Chinese answers
stems.py         one stem for the forms of a word
"""
