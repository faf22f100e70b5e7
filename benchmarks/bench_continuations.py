"""How often continuations call a step invalid that changes nothing, and what they cost; exact, nothing is drawn.

python benchmarks/bench_continuations.py
"""

from __future__ import annotations

from math import comb

from recipe.mrpo.judge.continuations.cost import cost_of
from recipe.mrpo.judge.continuations.labels import Count, labels_of

SETTINGS = ((4, 0.0), (4, 0.25), (8, 0.0), (8, 0.25), (16, 0.25), (32, 0.25))
CHANCES = (0.2, 0.5, 0.8)
ROLLOUTS, STEPS, PROMPT, RESPONSE, LONGEST = 1000, 5, 100 + 1024, 200, 512


def drawn(n: int, right: int, p: float) -> float:
    return comb(n, right) * p**right * (1 - p) ** (n - right)


def called_invalid(n: int, max_drop: float, p: float) -> float:
    """P(v_k < v_{k-1} - max_drop) if a continuation is right with the same chance p before and after the step."""
    return sum(
        drawn(n, before, p) * drawn(n, after, p)
        for before in range(n + 1)
        for after in range(n + 1)
        if labels_of([Count(before, n), Count(after, n)], max_drop=max_drop) == (0,)
    )


def main() -> None:
    for n, max_drop in SETTINGS:
        cells = " | ".join(f"{called_invalid(n, max_drop, p):.3f}" for p in CHANCES)
        print(f"| {n} | {max_drop:g} | {cells} |")
    print()
    for n in (1, 4, 8, 16):
        cost = cost_of(STEPS, n=n, prompt_tokens=PROMPT, response_tokens=RESPONSE, max_tokens=LONGEST) * ROLLOUTS
        print(f"| n={n} | {cost.calls:,} | {cost.prompt_tokens:,} | {cost.completion_tokens:,} |")


if __name__ == "__main__":
    main()
