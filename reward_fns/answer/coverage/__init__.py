"""Does an answer state the gold answer, in a sentence or in other words?

covered.py       the decision: the gold answer's words are stated, and nothing speaks against them
reading.py       statements of an answer, sentence by sentence, without denials, comparisons and open questions
gold.py          the required statements: the gold answer's items without the words of the question; other names of them
subjects.py      is the statement about the subject of the question?
candidates.py    lists of candidates that include the gold answer
yes_no.py        yes or no, also in a sentence
chinese.py       the same for Chinese answers
stems.py         one stem for the forms of a word
"""
