"""What came out of a run, for people.

run_files.py       metrics and dumps of a run folder, checked
recompute.py       the advantages of a dump once more, in plain Python
terminal.py        tables and rollouts in the terminal
explain.py         `mrpo explain`: one rollout; explanation.py has its lines
watch.py           `mrpo watch`: a running job; live/ reads its files as they grow
figure_files.py    figures for a paper, by matplotlib
figure_answers.py  those of answers: accuracy, pass@k, looking or guessing, calibration
figure_style.py    colours, shapes and legends that they share
page/              one HTML file: figures and a rollout browser
"""
