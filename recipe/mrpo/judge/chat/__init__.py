"""A judge behind a chat completions endpoint: rubric and rollout in, one label a step out.

judge.py              the judge; a subclass with two hooks judges by another verdict
calls.py              the calls of one judgement: retries, permits, limits, cost
structured_output.py  is `response_format` sent?
settings.py           the options `mrpo.judge.openai`
address.py            address and key, told by the names of a run's options
rubric.py             request -> messages, schema of the reply
rubric_folder.py      rubrics by name or folder; rubrics/ holds the texts
grades.py             the grades of a step, and when they make it valid
reply.py              reply -> labels, or the kind of its failure
answer.py             the question whether an answer is right, for evaluations
quotation.py          is a verdict in prose the judge's own?
detail.py             the explanation of a failure for people
router.py             the same judge at verl's own reward model
"""
