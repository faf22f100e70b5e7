"""Labels reasoning steps: `get_judge(options)` gives a judge, `await judge.label(request)` a judgement.

protocol.py        a judge's question (JudgeRequest) and its reply (Judgement)
usage.py           the cost of a judgement
registry.py        judges by name; a user's own by `module:name`
checked.py         every judge made safe to ask: one label a step, or a counted failure
chat/              a model behind an endpoint, or verl's reward model
overlap/           offline rules, without a model
continuations/     right answers reached from each step, without a judge model
ensemble.py        several judges vote
member_options.py  options of the members of an ensemble
protect/           cache, circuit breaker, rates and budget
when_to_judge.py   which rollouts are judged
spending.py        which groups and validations are judged at all
when_to_stop.py    when a run stops because of its judge
private_data.py    may the judge see the rows of a run?
stand_in.py        the warning for a run with the offline judge
__main__.py        `mrpo judge audit` and `mrpo judge cache`
"""

from recipe.mrpo.judge.protocol import Judge, Judgement, JudgeRequest
from recipe.mrpo.judge.registry import get_judge, register_judge
from recipe.mrpo.judge.usage import Usage

__all__ = ["Judge", "JudgeRequest", "Judgement", "Usage", "get_judge", "register_judge"]
