"""One HTML file of a run: figures and a rollout browser, offline, from dumps of training or an evaluation.

make.py          reads the runs, writes the file
gather.py        one pass over a run: figures, curves, the rollouts that the page holds
beside.py        which evaluation each --also belongs to
pass_at.py       which pass@k are shown
sample.py        which rollouts those are
by_position.py   labels and advantages by the place of a step
judge_time.py    how long judgements took
curves.py        training curves
pack.py          rollouts as JSON: columns, and texts in blocks
text_pool.py     texts once, offsets as a browser counts them
pictures.py      images once, made small
document.py      the HTML: security policy, escaped data
script.py        joins the page's JavaScript, script/*.js
evidence.py      the page of `make evidence`: another skeleton and script in the same document
vendor/          Observable Plot, d3 and TanStack Virtual as one file, with licences and how it is made
"""
