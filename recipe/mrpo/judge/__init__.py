"""Who labels the steps: `get_judge(options)` gives a judge, `await judge.label(request)` gives a judgement."""

from recipe.mrpo.judge.protocol import Judge, Judgement, JudgeRequest
from recipe.mrpo.judge.registry import get_judge, register_judge
from recipe.mrpo.judge.usage import Usage

__all__ = ["Judge", "JudgeRequest", "Judgement", "Usage", "get_judge", "register_judge"]
