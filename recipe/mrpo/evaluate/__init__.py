"""Measures judges and models.

judge_audit/      how far two judges agree on the steps of a run
cache_command.py  entries and size of a label cache
statistics/       intervals, paired comparisons, power
"""
