"""Small synthetic worlds in which every step has an exact label, so that claims about step credit can be tested.

judges.py    exact judges, and how they are degraded on purpose
chain/       a world of seconds: no image, a small policy, the package's own arithmetic

Nothing here is medical, and nothing of it is ever mixed with medical data. What was asked of the worlds and what came
out: docs/evidence.md.
"""
