"""Protects a run from its judge, and a judge from its run.

label_cache.py  a judge with a cache of labels
label_store.py  the file of that cache
breaker.py      a judge that is down is left alone for a while
budget.py       how many tokens, or how much money, a job may use
account.py      the tokens that it has used
rate.py         calls and tokens a minute, and calls at once, of one endpoint
job_limits.py   budget and limits in one place for all workers of a job
background.py   work that a cancel does not reach
"""
