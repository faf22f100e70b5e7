"""`mrpo judge audit`: how far two judges, or a judge and people, agree on the steps of a run.

command.py    the command line; asks the second judge
rollouts.py   rollouts of dumps, rows of the data, labels by people
agreement.py  confusion table, Cohen's kappa and its interval
measures.py   the second judge against the first labels: balanced accuracy, macro F1, first-error F1; flips, dimensions
further.py    these figures and the cost, as text and as JSON
printing.py   the figures as text and as JSON
"""
