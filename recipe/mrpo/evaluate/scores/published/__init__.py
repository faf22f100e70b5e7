"""The published tables as data, with their source, and whether their figures fit together.

mrpo.json   arXiv 2606.31825: test sizes, first failures by method, differences that are stated
read.py     the file, checked
fit.py      averages from cells and sizes; shares that can be k of n
beside.py   the published figures beside those of a run
"""
