"""Gold reasoning: where it comes from and how it finds its row.

gold.py                 files of it, joined by (image, question, answer)
medthink.py             MedThink's files, checked against medthink_manifest.json
slake_rules.py          a rationale for SLAKE from its own fields
annotation.py           what a model is asked, and what of its reply is taken (annotation_prompt.txt)
"""
