"""A scene as an image of 84 x 84 grey pixels, nine patches of the model: one cell for each place of the finding."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from recipe.mrpo.worlds.drawn.scene import Scene

SIDE, CELL = 84, 28
NOISE = 10.0
"""Standard deviation of the noise on every pixel, of 255."""

FRAME, INSIDE = 255.0, 185.0
_Y, _X = np.mgrid[0:SIDE, 0:SIDE].astype(np.float64)
_TONES = {"dark": 0.0, "grey": 120.0, "bright": 255.0}
_RADII = {"tiny": 4.0, "moderate": 7.0, "large": 10.0}


def picture(scene: Scene) -> np.ndarray:
    """(84, 84) uint8. The noise, and where in its cell the finding lies, are the scene's own."""
    draw = np.random.default_rng(scene.noise_seed)
    shown = scene.shown
    body = _body(shown["region"])
    canvas = _background(shown["modality"], body)
    jitter = draw.uniform(-1.0, 1.0, size=2)
    centre = CELL * (np.array([shown["level"], shown["side"]]) + 0.5) + jitter
    radius = list(_RADII.values())[shown["size"]]
    top, left = CELL * shown["level"], CELL * shown["side"]
    canvas[top : top + CELL, left : left + CELL] = (
        FRAME  # the reader's mark, bold towards the edge of the picture: the model has no absolute positions
    )
    above, below = (6 if shown["level"] == 0 else 2), (6 if shown["level"] == 2 else 2)
    before, behind = (6 if shown["side"] == 0 else 2), (6 if shown["side"] == 2 else 2)
    canvas[top + above : top + CELL - below, left + before : left + CELL - behind] = INSIDE
    canvas[_finding(shown["shape"], centre, radius)] = list(_TONES.values())[shown["tone"]]
    for mark in range(shown["count"] + 1):  # clips along the lower edge
        canvas[78:84, 12 + 24 * mark : 20 + 24 * mark] = 110
    return np.clip(canvas + draw.normal(0, NOISE, canvas.shape), 0, 255).astype(np.uint8)


def png(scene: Scene) -> bytes:
    """The picture as the bytes of a PNG file, in RGB."""
    out = io.BytesIO()
    Image.fromarray(picture(scene)).convert("RGB").save(out, format="PNG", compress_level=1)
    return out.getvalue()


def _body(region: int) -> np.ndarray:
    """Outline of head (round), chest (the whole width), limb (a column)."""
    y, x = (_Y - 41.5) / 41.5, (_X - 41.5) / 41.5
    return (x**2 + y**2 < 0.95, abs(y) < 0.78, abs(x) < 0.62)[region]


def _background(modality: int, body: np.ndarray) -> np.ndarray:
    """xray: light tissue on white; ct: grey tissue on black; mri: stripes on dark grey."""
    outside = (215.0, 0.0, 60.0)[modality]
    tissue = (170.0, 80.0, 95.0)[modality] + (18.0 * np.sign(np.sin(_X * np.pi / 3.5)) if modality == 2 else 0.0)
    return np.where(body, tissue, outside)


def _finding(shape: int, centre: np.ndarray, radius: float) -> np.ndarray:
    distance = np.hypot(_Y - centre[0], _X - centre[1])
    if shape == 0:
        return distance < radius
    if shape == 1:
        return (distance < radius) & (distance > 0.55 * radius)
    return (abs(_Y - centre[0]) < 0.35 * radius) & (abs(_X - centre[1]) < 1.2 * radius)
