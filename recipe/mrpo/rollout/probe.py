"""Do a checkpoint's tokenizer and chat template keep a whole model answer? Tried before anything is trained."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from recipe.mrpo.common.response_format import TAG, THINK_TAGS
from recipe.mrpo.rollout.parsing import parse
from recipe.mrpo.rollout.steps import split_steps
from recipe.mrpo.rollout.tokens import TokenTable, TokenText

QUESTION = "Is the heart large?"
STEPS = ("The heart is large.", "The lungs are clear.")
ANSWER = "yes"


@dataclass(frozen=True)
class Finding:
    """One sentence about a checkpoint; `loses`: something of a rollout or of training would be lost."""

    loses: bool
    says: str


def probe_response_format(
    tokenizer,
    *,
    think_tag: str,
    asked_tag: str | None = None,
    eos: str | None = None,
    stop_tokens: Sequence[str] = (),
    chat_template: str | None = None,
) -> list[Finding]:
    """Write one answer in the response format, and see whether tokenizer and chat template keep it; [] if they do.

    `think_tag`: the backbone's; `asked_tag`: the one in the prompts of the data; `eos`: the end of a response by the
    backbone's row; `stop_tokens`: those of generation_config.json beside the tokenizer's own; `chat_template`: Jinja,
    by default the tokenizer's. The tokenizer is a fast one of Hugging Face. Never raises for an error of
    tokenizer or template.
    """
    if think_tag not in THINK_TAGS:
        names = " or ".join(THINK_TAGS)
        return [Finding(True, f"no rollout would have a step: the parser does not read <{think_tag}>; the backbone's "
                              f"think_tag must be {names}.")]  # fmt: skip
    text = f"<{think_tag}>{' '.join(STEPS)}</{think_tag}><answer>{ANSWER}</answer>"
    found = [*_tokens(tokenizer, text), *_template(tokenizer, text, think_tag, stop_tokens, chat_template)]
    if asked_tag is not None and asked_tag != think_tag:
        found.append(Finding(False, f"the prompts of the data ask for <{asked_tag}>, and this backbone is meant for "
                                    f"<{think_tag}>; make the data with --backbone of this model."))  # fmt: skip
    stops = {tokenizer.eos_token, *stop_tokens}
    if eos is not None and eos not in stops:
        found.append(Finding(False, f"a response of this backbone ends with {eos}, and the checkpoint stops at "
                                    f"{_names(stops)}; a base checkpoint may not end its answers."))  # fmt: skip
    return found


def _names(tokens) -> str:
    return " or ".join(sorted(str(token) for token in tokens))


def _tokens(tokenizer, text: str) -> list[Finding]:
    """Does the text come back from its ids, with its two steps and its answer?"""
    try:
        table = TokenTable.from_tokenizer(tokenizer)
    except ValueError as error:
        return [Finding(True, f"no rollout could be read: {error}")]
    ids = tokenizer.encode(text, add_special_tokens=False)
    back = TokenText.from_ids(ids, table).text
    parsed = parse(back)
    steps = [back[s.start : s.end] for s in split_steps(parsed, splitter="rules", unclosed_think="drop")]
    if (tuple(steps), parsed.answer) != (STEPS, ANSWER):
        return [Finding(True, f"{len(STEPS) - len(steps)} of {len(STEPS)} steps would be lost: the tokenizer turns "
                              f"{json.dumps(text)} into {json.dumps(back)}.")]  # fmt: skip
    special = [t.content for t in tokenizer.added_tokens_decoder.values() if t.special and TAG.fullmatch(t.content)]
    if special:
        return [Finding(False, f"{', '.join(special)} are special tokens of this tokenizer: MRPO's reward manager "
                               "reads them as text, but verl's own reward manager and its dumps leave them out, so "
                               "that reward_fns/custom_reward.py would find no steps or no answer.")]  # fmt: skip
    return []


def _template(tokenizer, text: str, think_tag: str, stop_tokens: Sequence[str], template: str | None) -> list[Finding]:
    """Does the prompt open a think block, and does an assistant's turn keep its reasoning and end with a stop token?"""
    try:
        prompt = _rendered(tokenizer, template, [("user", QUESTION)], prompt=True)
        turn = _rendered(tokenizer, template, [("user", QUESTION), ("assistant", text)], prompt=False)
    except Exception as error:  # a template is a program: it may raise anything
        reason = str(error).strip().partition("\n")[0][:200]
        kind = type(error).__name__
        return [Finding(True, f"no prompt could be made: the chat template fails with {kind} ({reason}).")]
    found = []
    opening = list(TAG.finditer(prompt.rpartition(QUESTION)[2]))
    if opening and opening[-1].group(1) != "/":
        found.append(_opened(opening[-1].group(2), think_tag))
    lost = [part for part in (*STEPS, f"<answer>{ANSWER}</answer>") if part not in turn]
    if lost:
        found.append(Finding(True, f"supervised fine-tuning would lose {json.dumps(' '.join(lost))}: the chat template "
                                   "takes it out of the assistant's turn."))  # fmt: skip
    stops = {tokenizer.eos_token, *stop_tokens}
    rest = turn.rpartition("</answer>")[2]
    if not lost and not any(stop and stop in rest for stop in stops):
        found.append(Finding(True, f"a model that ends its turn as the chat template does, with "
                                   f"{json.dumps(rest.strip())}, would write on to the length limit: the checkpoint "
                                   f"stops at {_names(stops)}."))  # fmt: skip
    return found


def _opened(name: str, think_tag: str) -> Finding:
    if name != think_tag:
        says = (
            f"reasoning would be lost: the chat template opens <{name}> and the prompts ask for <{think_tag}>, so that "
            f"text before <{think_tag}> is outside every block."
        )
        return Finding(True, says)
    says = (
        f"the chat template opens <{name}> in the prompt: steps are read up to the first closing tag, and a rollout "
        "that is cut off before it has none."
    )
    return Finding(False, says)


def _rendered(tokenizer, template: str | None, turns: list[tuple[str, str]], *, prompt: bool) -> str:
    """The chat as text. Templates of language models want plain text, those of vision models take a list of parts."""
    for as_parts in (True, False):
        messages = [
            {"role": role, "content": [{"type": "text", "text": text}] if as_parts else text} for role, text in turns
        ]
        settings = {"chat_template": template} if template is not None else {}
        try:
            chat = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=prompt, **settings)
        except Exception:  # the same chat is tried as plain text
            if as_parts:
                continue
            raise
        if not as_parts or not any(f"'text': {quote}" in chat for quote in "'\""):  # a list written out by str()
            return chat
    raise AssertionError("unreachable")
