"""A scene as an image of 84 x 84 grey pixels: 3 x 3 cells, each one token of the model, one of them with the finding.

Modality and region show in every cell, tone in the cell of the finding: a model of this size learns them in minutes.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from recipe.mrpo.worlds.drawn.scene import Scene

SIDE, CELL = 84, 28
NOISE = 10.0
"""Standard deviation of the noise on every pixel, of 255."""

FRAME = 255.0
FINDING = (200.0, 0.0, 60.0)
_Y, _X = np.mgrid[0:SIDE, 0:SIDE].astype(np.float64)
_TONES = {"dark": 0.0, "grey": 110.0, "bright": 210.0}
_RADII = {"tiny": 3.0, "moderate": 7.0, "large": 11.0}


def picture(scene: Scene) -> np.ndarray:
    """(84, 84) uint8. The noise, and where in its cell the finding lies, are the scene's own."""
    draw = np.random.default_rng(scene.noise_seed)
    shown = scene.shown
    canvas = _background(shown["modality"], shown["region"])
    jitter = draw.uniform(-1.0, 1.0, size=2)
    centre = CELL * (np.array([shown["level"], shown["side"]]) + 0.5) + jitter
    top, left = CELL * shown["level"], CELL * shown["side"]
    tone = list(_TONES.values())[shown["tone"]]
    canvas[top : top + CELL, left : left + CELL] = tone
    radius = list(_RADII.values())[shown["size"]]
    canvas[_finding(shown["shape"], centre, radius)] = FINDING[shown["tone"]]
    # The reader's mark is bold towards the edge of the picture: the model has no absolute positions.
    above, below = (6 if shown["level"] == 0 else 2), (6 if shown["level"] == 2 else 2)
    before, behind = (6 if shown["side"] == 0 else 2), (6 if shown["side"] == 2 else 2)
    frame = np.ones((CELL, CELL), dtype=bool)
    frame[above : CELL - below, before : CELL - behind] = False
    canvas[top : top + CELL, left : left + CELL][frame] = FRAME
    for mark in range(shown["count"] + 1):  # clips along the lower edge
        canvas[80:84, 12 + 24 * mark : 20 + 24 * mark] = 110
    return np.clip(canvas + draw.normal(0, NOISE, canvas.shape), 0, 255).astype(np.uint8)


def png(scene: Scene) -> bytes:
    """The picture as the bytes of a PNG file, in RGB."""
    out = io.BytesIO()
    Image.fromarray(picture(scene)).convert("RGB").save(out, format="PNG", compress_level=1)
    return out.getvalue()


def _background(modality: int, region: int) -> np.ndarray:
    """Pixels around the finding's cell.

    xray: light tissue on white; ct: grey on black; mri: stripes on dark grey. head: discs; chest: rows; limb: columns.
    """
    outside = (215.0, 0.0, 60.0)[modality]
    tissue = (170.0, 80.0, 95.0)[modality] + (18.0 * np.sign(np.sin(_X * np.pi / 3.5)) if modality == 2 else 0.0)
    y, x = _Y % CELL, _X % CELL
    body = (np.hypot(y - 13.5, x - 13.5) < 11.0, abs(y - 13.5) < 7.0, abs(x - 13.5) < 7.0)[region]
    return np.where(body, tissue, outside)


def _finding(shape: int, centre: np.ndarray, radius: float) -> np.ndarray:
    distance = np.hypot(_Y - centre[0], _X - centre[1])
    if shape == 0:
        return distance < radius
    if shape == 1:
        return (distance < radius) & (distance > 0.55 * radius)
    return (abs(_Y - centre[0]) < 0.35 * radius) & (abs(_X - centre[1]) < 1.2 * radius)
