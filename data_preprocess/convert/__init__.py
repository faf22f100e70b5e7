"""From records to parquet files with cards; every data set goes through here.

options.py   options of a conversion, bounds of texts
run.py       the whole conversion: all splits or none
choose.py    which rows of a split are written; the others are counted under their reason
builder.py   one split on its way into its file; the fingerprint that keeps versions apart
images.py    checks and conversions of image bytes
prompts.py   the prompt, the think tag, tags that no text may hold
schema.py    the one row schema, checked row by row
parquet.py   files that are whole or not there; parts of an interrupted run
card.py      the card beside each file
result.py    counts of each split
"""
