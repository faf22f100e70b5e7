"""How a shaping rule is called: with the options it names, and its answer checked before a token is trained with it."""

from __future__ import annotations

import inspect
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import torch

from recipe.mrpo.credit.shaping.registry import OPTION, Shaping, ShapingError

_OWN = "mrpo.shaping_options"
_GROUPS = "groups"
"""The one tensor that a rule gets only if its signature names it."""


def rule_options(name: str, shaping: Shaping, *, shared: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Keyword arguments for a rule: those of `shared` that its signature names, and all of `own`.

    `shared`: options of MRPO that any rule may read (factor_base, round_factors). `own`: `mrpo.shaping_options`.
    Raises ShapingError for an option that the rule does not take, or takes and is not given.
    """
    try:
        parameters = list(inspect.signature(shaping.rule).parameters.values())
    except (TypeError, ValueError) as error:
        raise ShapingError(f"{OPTION}={name} must be a Python function with a signature: {error}") from error
    places = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    any_place = any(p.kind == p.VAR_POSITIONAL for p in parameters)
    if len(places) < 4 and not any_place:
        raise ShapingError(
            f"{OPTION}={name} must take (advantages, labels, num_steps, wrong), not {len(places)} tensors."
        )
    named = {p.name: p for p in [*places[4:], *(p for p in parameters if p.kind == p.KEYWORD_ONLY)]}
    named.pop(_GROUPS, None)
    takes_any = any(p.kind == p.VAR_KEYWORD for p in parameters)
    for key in own:
        if key in shared:
            raise ShapingError(f"{_OWN}.{key} is an option of MRPO itself; set mrpo.{key} instead.")
        if key not in named and not takes_any:
            choice = ", ".join(key for key in named if key not in shared) or "none"
            raise ShapingError(f"{_OWN}.{key} is not an option of {OPTION}={name}, which takes: {choice}.")
    given = {key: value for key, value in shared.items() if key in named} | dict(own)
    for key, parameter in named.items():
        if parameter.default is parameter.empty and key not in given:
            raise ShapingError(f"{OPTION}={name} needs the option {key}; set {_OWN}.{key}.")
    return given


def shape_steps(
    name: str,
    shaping: Shaping,
    advantages: torch.Tensor,
    labels: torch.Tensor,
    num_steps: torch.Tensor,
    wrong: torch.Tensor,
    *,
    groups: Sequence[Hashable],
    **options: Any,
) -> torch.Tensor:
    """The advantage of every step by the rule `name`, (B, K) float64; arguments as in `registry.StepRule`.

    `groups`: B prompt ids; the rule gets them as numbers, if it names them.

    The rule works on copies. Two places keep A_i whatever it returns: the columns beyond a rollout's own steps, and
    the steps without a label where the rule reads labels, so that an unknown label is never taken for an invalid step.
    Raises ShapingError if the rule raises, or returns another shape or a number that is not finite.
    """
    if _GROUPS in inspect.signature(shaping.rule).parameters:
        numbers: dict[Hashable, int] = {}
        members = [numbers.setdefault(group, len(numbers)) for group in groups]
        options[_GROUPS] = torch.tensor(members, dtype=torch.int64, device=labels.device)
    try:
        out = shaping.rule(advantages.clone(), labels.clone(), num_steps.clone(), wrong.clone(), **options)
    except ShapingError:
        raise
    except Exception as error:
        raise ShapingError(f"{OPTION}={name} raised {type(error).__name__}: {error}") from error
    expected = tuple(labels.shape)
    if not isinstance(out, torch.Tensor) or tuple(out.shape) != expected or out.is_complex():
        found = f"a tensor of {tuple(out.shape)}" if isinstance(out, torch.Tensor) else type(out).__name__
        raise ShapingError(f"{OPTION}={name} must return one number per rollout and step, {expected}, not {found}.")
    keep = torch.arange(labels.shape[1], device=labels.device) >= num_steps[:, None]
    if shaping.reads_labels:
        keep = keep | torch.isnan(labels)
    out = torch.where(keep, advantages.to(torch.float64)[:, None], out.to(torch.float64))
    if not torch.isfinite(out).all():
        row, step = (~torch.isfinite(out)).nonzero()[0].tolist()
        raise ShapingError(
            f"{OPTION}={name} must return finite numbers, not {out[row, step].item()} (rollout {row}, step {step + 1}, "
            f"A={advantages[row].item():.4g}, label {labels[row, step].item():g})."
        )
    return out
