"""How often the 95 % intervals of an accuracy hold the true one, on simulated sets of questions about images.

Answers are beta-binomial: questions of one image have an intra-class correlation. Compared are the interval of `mrpo
score`, which draws images anew, and Wilson's, which takes questions for independent.
"""

from __future__ import annotations

import argparse

import numpy as np

from recipe.mrpo.evaluate.statistics import Clustered, share_interval, wilson


def coverage(
    *, images: int, per_image: float, rho: float, right: float, runs: int, draws: int, seed: int
) -> tuple[float, float]:
    """(clustered, plain) coverage of `right` over simulated runs."""
    random, scale = np.random.default_rng(seed), (1 - rho) / rho
    clustered = plain = 0
    for number in range(runs):
        questions = 1 + random.poisson(per_image - 1, size=images)
        hits = random.binomial(questions, random.beta(right * scale, (1 - right) * scale, size=images))
        counts = Clustered({i: [float(k), float(n)] for i, (k, n) in enumerate(zip(hits, questions, strict=True))})
        found = share_interval(counts, draws=draws, seed=seed + number)
        clustered += found.low is not None and found.low <= right <= found.high
        low, high = wilson(int(hits.sum()), int(questions.sum()), level=0.95)
        plain += low <= right <= high
    return clustered / runs, plain / runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--runs", type=int, default=4000, help="simulated sets for each row")
    parser.add_argument("--draws", type=int, default=1000, help="of each bootstrap")
    parser.add_argument("--right", type=float, default=0.6, help="true accuracy")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print("images  questions an image  correlation  clustered  plain")
    for images, per_image in ((91, 2.2), (50, 4.0), (26, 7.7), (100, 7.7), (18, 11.0)):
        for rho in (0.1, 0.25):
            held = coverage(images=images, per_image=per_image, rho=rho, right=arguments.right, runs=arguments.runs,
                            draws=arguments.draws, seed=arguments.seed)  # fmt: skip
            print(f"{images:6}  {per_image:18}  {rho:11}  {100 * held[0]:8.1f} %  {100 * held[1]:4.1f} %", flush=True)


if __name__ == "__main__":
    main()
