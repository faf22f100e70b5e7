"""Measures judges and models.

judge_audit/      how far two judges agree on the steps of a run
cache_command.py  what a cache of labels holds
statistics/       intervals, paired comparisons, power
"""
