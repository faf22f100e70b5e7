"""Gold reasoning: where it comes from and how it finds its row.

gold.py                 files of it, joined by (image, question, answer)
medthink.py             MedThink's files, checked against medthink_manifest.json
slake_rules.py          a rationale for SLAKE from its own fields
annotation.py           the request to a model and the checks of its reply (annotation_prompt.txt)
"""
