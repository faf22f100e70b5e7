"""A policy of a few thousand weights that writes a chain value by value."""

from __future__ import annotations

import torch
from torch import nn

from recipe.mrpo.worlds.chain.scene import ChainWorld, Scenes, draw


class Policy(nn.Module):
    """Logits of the next value from the step's picture, the value before and the step's number."""

    def __init__(self, world: ChainWorld, hidden: int = 48):
        super().__init__()
        self.world = world
        width = world.values * (world.values + 1) + world.values + world.steps
        self.net = nn.Sequential(nn.Linear(width, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh())
        self.out = nn.Linear(hidden, world.values)

    def forward(self, pictures: torch.Tensor, choices: torch.Tensor) -> torch.Tensor:
        """(N, K, V) logits of each step, given the chosen values before it; `choices`: (N, K) int64."""
        count, steps, values = pictures.shape
        start = torch.full((count, 1), values, dtype=torch.int64)
        before = torch.cat([start, choices[:, :-1]], dim=1)
        which = torch.eye(steps).expand(count, -1, -1)
        known = nn.functional.one_hot(before, values + 1).float()
        # Products of picture and value before: to add them modulo V is then a matter of weights, not of depth.
        pairs = (pictures[:, :, :, None] * known[:, :, None, :]).flatten(2)
        seen = torch.cat([pairs, pictures, which], dim=2)
        return self.out(self.net(seen))

    @torch.no_grad()
    def sample(self, pictures: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """(N, K) chosen values, drawn one after the other."""
        count, steps, _ = pictures.shape
        choices = torch.zeros(count, steps, dtype=torch.int64)
        for k in range(steps):
            chances = self(pictures, choices)[:, k].softmax(dim=1)
            choices[:, k] = torch.multinomial(chances, 1, generator=generator)[:, 0]
        return choices

    def log_probs(self, pictures: torch.Tensor, choices: torch.Tensor) -> torch.Tensor:
        """(N, K) log-probability of each chosen value."""
        return self(pictures, choices).log_softmax(dim=2).gather(2, choices[:, :, None])[:, :, 0]


def started(world: ChainWorld, *, seed: int, updates: int = 45, batch: int = 64) -> Policy:
    """A policy after a short supervised start on right chains: it knows the form and errs early. Seeded."""
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        policy = Policy(world)
    optimizer = torch.optim.Adam(policy.parameters(), lr=3e-3)
    for _ in range(updates):
        scenes: Scenes = draw(world, batch, generator)
        loss = -policy.log_probs(scenes.pictures, scenes.truth).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return policy
