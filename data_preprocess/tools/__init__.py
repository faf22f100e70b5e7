"""Commands on finished parquet files, and the arithmetic behind them.

all.py            the training mix and the test sets of the study
report.py         overlap, duplicates and balance as text, JSON and HTML
sample.py         fewer rows: balanced, or by pass rate
annotate/         gold reasoning by a model
sampling.py       quotas of groups, pass rates out of dumps
balance.py        priors of answers, balance of types
shared_images.py  images of one set that are in another, by bytes and by perceptual hash
rows.py           rows of finished files, this package's and other people's
mix_card.py       the card of a file made of others
"""
