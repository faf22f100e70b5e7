"""What a judge replies to a prompt: labels by a rule, in a good verdict or in one that is wrong or oddly wrapped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from omegaconf import OmegaConf

from recipe.mrpo.endpoint.json_in_text import json_objects
from recipe.mrpo.judge.overlap.judge import Thresholds, judge_steps
from recipe.mrpo.options.tree import OPTIONS_FILE

RULES = ("overlap", "seeded", "all_valid", "all_invalid")


def read_prompt(messages: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], list[str]]:
    """The case and the step texts of a prompt, from the JSON data in its last message."""
    content = messages[-1]["content"]
    text = content if isinstance(content, str) else [p["text"] for p in content if p["type"] == "text"][-1]
    objects = [found for found, _ in json_objects(text)]
    case = next(o for o in objects if "gold_reasoning" in o)
    steps = next(o for o in objects if "rollout_steps" in o)["rollout_steps"]
    return case, [s["text"] for s in steps]


@cache
def _thresholds() -> Thresholds:
    return Thresholds(**OmegaConf.to_container(OmegaConf.load(OPTIONS_FILE).judge.overlap))


def label_steps(case: Mapping[str, Any], steps: Sequence[str], *, rule: str, seed: int) -> list[int]:
    """Labels by the offline rules, by a hash of the step, or all alike."""
    if rule == "overlap":
        verdicts = judge_steps(
            steps,
            question=case["question"],
            answers=(case["gold_answer"], *case.get("other_gold_answers", ())),
            gold_reasoning=case["gold_reasoning"],
            thresholds=_thresholds(),
        )
        return [v.label for v in verdicts]
    if rule == "seeded":
        return [hashlib.sha256(f"{seed}\0{s}".encode()).digest()[0] % 2 for s in steps]
    return [int(rule == "all_valid")] * len(steps)


def verdict_of(labels: Sequence[Any]) -> dict[str, Any]:
    return {"steps": [{"step": k, "alignment": v, "contribution": v} for k, v in enumerate(labels, 1)]}


def content_of(kind: str, labels: list[int]) -> str | None:
    """Content of a reply that is wrong, or right but unusually wrapped; None if `kind` is no such thing."""
    good = verdict_of(labels)
    text, draft = json.dumps(good), json.dumps(verdict_of([1 - v for v in labels]))
    if kind == "missing":
        good["steps"].pop(0)
    elif kind == "doubled":
        good["steps"].append(good["steps"][0])
    elif kind == "extra":
        good["steps"].append({"step": len(labels) + 1, "alignment": 1, "contribution": 1})
    elif kind == "zero_based":
        for entry in good["steps"]:
            entry["step"] -= 1
    elif kind == "reversed":
        good["steps"].reverse()
    elif kind == "maybe":
        good["steps"][-1]["alignment"] = "maybe"
    elif kind == "fraction":
        good["steps"][0]["contribution"] = 0.5
    else:
        return {
            "ok": text,
            "prose": "The reasoning looks mostly sound, although the second step is doubtful.",
            "fenced": f"```json\n{json.dumps(good, indent=1)}\n```",
            "chatty": f"Sure! Here are my grades:\n{text}",
            "afterword": f"{text}\nLet me know if you need more.",
            "thinking": f"<think>Maybe {draft}? No.</think>\n{text}",
            "thinking_tag": f"<thinking>Maybe {draft}? No.</thinking>\n{text}",
            "thinking_mistral": f"[THINK]Maybe {draft}? No.[/THINK]{text}",
            "thinking_kimi": f"\u25c1think\u25b7Maybe {draft}? No.\u25c1/think\u25b7{text}",
            "thinking_medgemma": f"<unused94>thought\nMaybe {draft}? No.<unused95>{text}",
            "thinking_seed": f"<seed:think>Maybe {draft}? No.</seed:think>{text}",
            "thinking_gpt_oss": f"<|channel|>analysis<|message|>Maybe {draft}? No.<|end|><|start|>assistant"
            f"<|channel|>final<|message|>{text}<|return|>",
            "thinking_gemma": f"<|channel>thought\nMaybe {draft}? No.<channel|>{text}",
            "thinking_for_ever": f"<reasoning>Maybe {draft}",
            "boxed": f"<|begin_of_box|>{text}<|end_of_box|>",
            "bom_in_content": f"\ufeff{text}",
            "cut_json": text[: len(text) // 2],
            "empty": "",
            "all_yes": json.dumps(verdict_of([1] * len(labels))),
            "all_no": json.dumps(verdict_of([0] * len(labels))),
            "two_verdicts": f"{text}\nOr rather {draft}",
        }.get(kind)
    return json.dumps(good)
