"""How sure is a figure? Intervals and tests that know that questions about one image are not independent.

wilson.py        interval of a plain share
cluster.py       totals per cluster (image, patient), and the bootstrap over clusters
paired.py        two runs on the same questions: difference with interval, exact McNemar test, sign flips by cluster
multiple.py      Holm's correction for several tests
power.py         the difference that a number of questions can show

numpy alone; scipy and statsmodels are the oracles of the tests.
"""

from recipe.mrpo.evaluate.statistics.cluster import Clustered, Interval, ratio_intervals, share_interval
from recipe.mrpo.evaluate.statistics.multiple import holm
from recipe.mrpo.evaluate.statistics.paired import mcnemar_exact, paired_difference, sign_flip_test
from recipe.mrpo.evaluate.statistics.power import detectable_difference
from recipe.mrpo.evaluate.statistics.wilson import wilson

__all__ = [
    "Clustered",
    "Interval",
    "detectable_difference",
    "holm",
    "mcnemar_exact",
    "paired_difference",
    "ratio_intervals",
    "share_interval",
    "sign_flip_test",
    "wilson",
]
