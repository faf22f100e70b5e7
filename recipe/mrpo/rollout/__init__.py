"""Text of one rollout -> think block and answer -> steps -> token spans -> record; pure Python and NumPy.

parsing.py         the one parser of `<think>` and `<answer>`
steps.py           the steps of a parsed rollout, by one of two splitters
rule_splitter.py   our splitter: where a step begins and ends
full_stops.py      which full stops end a sentence
line_breaks.py     which line breaks, tags and arrows end a step
list_marks.py      pieces that state nothing ("1.", "Step 2:", "Findings:") join the sentence after them
word_lists.py      abbreviations, units and sentence openers
published_splitter.py   the regular expression of the released code, for comparison
prefixes.py        a rollout up to the end of each step
tokens.py          sampled ids -> text with character offsets; steps -> token spans
probe.py           do a checkpoint's tokenizer and chat template keep a whole model answer?
record.py          what one rollout carries to the estimator, the metrics and the dumps
first_failure.py   where reasoning first fails: FFP, FAR, stages
"""
