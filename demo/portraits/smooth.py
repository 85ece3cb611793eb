"""A persona as a soft, photo-like portrait: shaded shapes, gradients, blur and film grain, and no pixel grid at all.

This is what the embedded base model learned from, so it knows the words of the captions and the place of
a face in the picture, but no pixel art. Lengths are in cells, 24 to a side, only so that heads stand where pixel.py
puts them; edges lie anywhere.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from demo.portraits.persona import BACKGROUNDS, CLOTH, EYES, HAIR, LIPS, METAL, SKIN, Persona
from demo.portraits.sitting import Colour, Plane, Sitting, ramp


def draw(someone: Persona, seed: int) -> NDArray[np.uint8]:
    """The portrait of a persona: uint8 (192, 192, 3); pose, light and grain come from the seed."""
    sitting = Sitting(np.random.default_rng(seed))
    _background(sitting, someone)
    _hair_behind(sitting, someone)
    _shoulders(sitting, someone)
    _head(sitting, someone)
    _face(sitting, someone)
    _glasses(sitting, someone)
    if someone.hair_shown:
        _hair_in_front(sitting, someone)
    if someone.hat:
        _hat(sitting, someone)
    if someone.earrings:
        gem = sitting.colour(METAL, someone.earrings)
        sitting.lay(sitting.ellipse(5.9, 14.7, 0.55, 0.9), gem, 1.0)
    picture = gaussian_filter(sitting.picture, (sitting.rng.uniform(0.7, 1.2),) * 2 + (0,))
    picture += sitting.rng.normal(0.0, 0.008, picture.shape).astype(np.float32)
    return np.asarray(np.clip(picture, 0.0, 1.0) * 255 + 0.5).astype(np.uint8)


def _background(sitting: Sitting, someone: Persona) -> None:
    """The named colour with a slow change of light; patterns are soft and lie off any grid of blocks."""
    base = sitting.colour(BACKGROUNDS, someone.background, 0.015)
    slope_x, slope_y = sitting.rng.normal(0.0, 0.04, 2)
    x, y = sitting.frame_x, sitting.frame_y
    light = 1.0 + slope_x * (x / 12 - 1) + slope_y * (y / 12 - 1) + 0.015 * sitting.noise(24.0)
    sitting.picture[:] = base * light[..., None]
    if someone.background_kind == "solid":
        return
    second = base * 0.84 if base.sum() > 0.94 else base + (1.0 - base) * 0.14
    scale = sitting.rng.uniform(0.85, 1.15)
    phase_x, phase_y = sitting.rng.uniform(0.0, 8.0, 2)
    u, v = (x + phase_x) / scale, (y + phase_y) / scale
    if someone.background_kind == "checkered":
        mask = ramp(np.sin(u * np.pi / 4) * np.sin(v * np.pi / 4), 0.8)
    elif someone.background_kind == "striped":
        mask = ramp(np.sin(u * np.pi / 3) - 0.5, 0.8)
    elif someone.background_kind == "dotted":
        mask = ramp(np.sin(u * np.pi / 2) + np.sin(v * np.pi / 2) - 1.2, 0.8)
    else:
        row = np.floor(v / 4)
        mask = np.maximum(
            ramp(np.abs(v / 4 - row - 0.5) * 4 - 1.5, 0.6),
            ramp(np.abs((u + 4 * (row % 2)) / 8 % 1 - 0.5) * 8 - 3.5, 0.6),
        )
    sitting.lay(mask, second, light)


def _shoulders(sitting: Sitting, someone: Persona) -> None:
    """Neck and clothes."""
    skin = sitting.colour(SKIN, someone.skin)
    cloth = sitting.colour(CLOTH, someone.shirt_colour)
    other = np.full(3, 0.95, np.float32) if cloth.sum() < 1.9 else np.full(3, 0.17, np.float32)
    body = sitting.ellipse(10.8, 26.5, 8.3, 6.3)
    light = 1.12 - 0.03 * (sitting.x - 6.0) + 0.06 * sitting.noise(8.0)
    bare = someone.shirt == "tank top"
    sitting.lay(body, skin if bare else cloth, light * (0.92 if bare else 1.0))
    if bare:
        sitting.lay(sitting.ellipse(10.8, 26.5, 5.4, 5.4), cloth, light)
    if someone.shirt == "striped shirt":
        sitting.lay(body * ramp(np.sin((sitting.y - 20.0) * np.pi / 1.1) - 0.1, 0.8), other, light)
    sitting.lay(sitting.box(9.0, 16.5, 13.6, 21.0, 0.5), skin, 0.62)
    sitting.lay(sitting.ellipse(11.2, 20.6, 3.2, 1.9, 0.5), skin, 0.8)
    if someone.shirt == "hoodie":
        hood = sitting.ellipse(11.2, 20.6, 5.6, 3.0, 0.5) * (1 - sitting.ellipse(11.2, 19.8, 3.5, 2.6, 0.5))
        sitting.lay(hood, cloth, 0.8)
        for x in (9.8, 12.6):
            sitting.lay(sitting.stroke([(x, 22.2), (x, 24.0)], 0.5), other, 1.0)
    if someone.shirt == "jacket":
        sitting.lay(sitting.stroke([(8.0, 20.5), (11.2, 24.5), (14.5, 20.5)], 0.9), cloth, 0.65)
    if someone.shirt == "suit":
        sitting.lay(sitting.ellipse(11.2, 22.2, 2.0, 2.2, 0.5), np.full(3, 0.95, np.float32))
        tie = np.array([0.8, 0.17, 0.2], np.float32)
        sitting.lay(sitting.stroke([(11.3, 21.8), (11.3, 24.5)], 0.9), tie)


def _head(sitting: Sitting, someone: Persona) -> None:
    """A lit egg with an ear on the left."""
    skin = sitting.colour(SKIN, someone.skin)
    slim = 0.4 if someone.kind == "lady" else 0.0
    light = 1.06 - 0.022 * (sitting.x - 9.0) - 0.012 * (sitting.y - 9.0) + 0.015 * sitting.noise(6.0)
    sitting.lay(sitting.ellipse(6.4, 12.9, 1.3, 2.0, 0.5), skin, 0.88)
    skull = sitting.ellipse(12.0, 9.8, 5.1, 6.3, 0.4)
    jaw = sitting.ellipse(12.0, 13.8, 4.7 - slim, 5.3 - 0.5 * slim, 0.4)
    head = np.maximum(skull, jaw)
    rim = np.clip(np.hypot((sitting.x - 11.5) / 5.6, (sitting.y - 11.0) / 8.3), 0.0, 1.0) ** 4
    sitting.lay(head, skin, light * (1.03 - 0.18 * rim))


def _face(sitting: Sitting, someone: Persona) -> None:
    """Eyes, brows, nose, mouth, beard and freckles."""
    skin, hair = sitting.colour(SKIN, someone.skin), sitting.colour(HAIR, someone.hair)
    iris = sitting.colour(EYES, someone.eyes)
    dark = np.array([0.11, 0.09, 0.13], np.float32)
    if someone.freckles:
        for _ in range(9):
            x, y = sitting.rng.uniform(8.2, 15.8), sitting.rng.uniform(13.0, 14.8)
            sitting.lay(sitting.ellipse(x, y, 0.3, 0.3) * 0.7, skin, 0.6)
    sitting.lay(sitting.stroke([(12.4, 10.8), (12.3, 13.6)], 0.6, 0.6) * 0.6, skin, 1.15)
    sitting.lay(sitting.ellipse(12.8, 14.1, 1.0, 0.5, 0.5), skin, 0.72)
    _beard(sitting, someone, hair, skin)
    lips = (
        sitting.colour(LIPS, someone.lipstick)
        if someone.lipstick
        else skin * 0.5 + np.array([0.31, 0.09, 0.11], np.float32)
    )
    bend = {"smiling": -0.9, "frowning": 0.7, "": 0.0}[someone.expression]
    mouth = [(9.9, 16.5 + bend), (11.0, 16.6), (13.0, 16.6), (14.1, 16.5 + bend)]
    sitting.lay(sitting.stroke(mouth, 0.95, 0.4), lips)
    if bend < 0:
        sitting.lay(sitting.stroke([(10.9, 16.4), (13.1, 16.4)], 0.55, 0.3), np.full(3, 0.93, np.float32))
    for x in (9.9, 14.9):
        sitting.lay(sitting.ellipse(x, 11.7, 1.6, 1.5, 0.9) * 0.5, skin, 0.7)
        sitting.lay(sitting.ellipse(x, 11.9, 1.25, 0.8), np.full(3, 0.94, np.float32))
        sitting.lay(sitting.ellipse(x + 0.25, 11.9, 0.78, 0.8, 0.25), iris)
        sitting.lay(sitting.ellipse(x + 0.25, 11.9, 0.3, 0.3, 0.25), dark)
        lash = 0.6 if someone.kind == "lady" else 0.35
        sitting.lay(sitting.stroke([(x - 1.4, 11.3), (x, 10.9), (x + 1.3, 11.3)], lash), dark)
        sitting.lay(sitting.stroke([(x - 1.5, 9.6), (x + 1.2, 9.4)], 0.65, 0.4), hair, 0.55)


def _beard(sitting: Sitting, someone: Persona, hair: Colour, skin: Colour) -> None:
    """On the lower face, in the colour of the hair."""
    fuzz = 1.0 + 0.1 * sitting.noise(2.0)
    mouth = sitting.ellipse(12.0, 16.4, 2.3, 1.0, 0.6)
    jaw = sitting.ellipse(12.0, 14.4, 4.8, 5.4) * ramp(sitting.y - 14.6 + 0.25 * (sitting.x - 12.0) ** 2 * 0.1, 0.8)
    if someone.beard == "beard":
        sitting.lay(jaw * (1 - mouth), hair, fuzz)
    elif someone.beard == "goatee":
        sitting.lay(sitting.ellipse(12.0, 18.6, 2.0, 1.7, 0.6), hair, fuzz)
    elif someone.beard == "mustache":
        sitting.lay(sitting.stroke([(9.0, 16.3), (10.4, 15.3), (13.6, 15.3), (15.0, 16.3)], 1.1, 0.4), hair, fuzz)
    elif someone.beard == "stubble":
        sitting.lay(jaw * (1 - mouth) * 0.45, skin * 0.45 + hair * 0.1, fuzz)


def _glasses(sitting: Sitting, someone: Persona) -> None:
    """Frames, dark lenses or a patch."""
    if not someone.glasses:
        return
    frame = sitting.colour(CLOTH, someone.glasses_colour)
    if someone.glasses == "eyepatch":
        sitting.lay(sitting.stroke([(7.0, 8.3), (17.5, 11.8)], 0.7), frame)
        sitting.lay(sitting.ellipse(14.8, 12.0, 2.3, 1.9), frame)
        return
    sitting.lay(sitting.stroke([(6.5, 11.0), (17.0, 11.0)], 0.7), frame)
    for x in (9.9, 14.9):
        lens = sitting.ellipse(x, 12.0, 2.2, 1.8)
        if someone.glasses == "sunglasses":
            sitting.lay(lens, frame)
            sitting.lay(sitting.ellipse(x - 0.5, 11.4, 0.8, 0.5, 0.5) * 0.4, np.ones(3, np.float32))
        else:
            thick = 0.72 if someone.glasses == "glasses" else 0.78
            sitting.lay(lens * (1 - sitting.ellipse(x, 12.0, 2.2 * thick, 1.8 * thick)), frame)


def _locks(sitting: Sitting, someone: Persona) -> tuple[Colour, Plane]:
    """Colour and sheen of the hair: strands downwards, round tufts where it is curly."""
    curly = someone.hair_style in ("afro", "curly")
    strands = sitting.noise(3.0 if curly else 2.0, 1.0 if curly else 6.0)
    gloss = np.exp(-((sitting.x - 9.0) ** 2 + (sitting.y - 5.0) ** 2) / 9.0).astype(np.float32)
    return sitting.colour(HAIR, someone.hair), 0.96 + 0.09 * strands + 0.22 * gloss - 0.015 * (sitting.x - 12.0)


def _hair_behind(sitting: Sitting, someone: Persona) -> None:
    """What falls behind neck and ears."""
    if not someone.hair_shown:
        return
    style, masks = someone.hair_style, []
    if style == "long":
        masks = [sitting.ellipse(11.8, 9.5, 7.6, 7.4, wavy=0.15), sitting.box(3.6, 9.0, 20.3, 25.0, 0.8, 0.3)]
    elif style == "bob":
        masks = [sitting.ellipse(12.0, 9.8, 7.8, 7.9, wavy=0.1), sitting.box(4.3, 9.0, 19.7, 17.3, 1.2, 0.1)]
    elif style == "ponytail":
        masks = [sitting.ellipse(3.4, 4.8, 2.9, 2.9), sitting.stroke([(2.6, 5.0), (2.4, 10.0), (4.0, 14.0)], 3.0, 0.5)]
    elif style == "pigtail":
        masks = [sitting.ellipse(x, 12.3, 2.7, 4.8, wavy=0.15) for x in (3.4, 20.9)]
    elif style == "afro":
        masks = [sitting.ellipse(11.8, 8.3, 10.2, 8.6, 0.5, 0.25)]
    elif style == "curly":
        masks = [sitting.ellipse(11.8, 8.6, 8.3, 7.3, 0.5, 0.35)]
    elif style == "bun":
        masks = [sitting.ellipse(11.2, 2.0, 3.2, 2.4)]
    if masks:
        colour, sheen = _locks(sitting, someone)
        sitting.lay(np.maximum.reduce(masks), colour, sheen * 0.92)


def _hair_in_front(sitting: Sitting, someone: Persona) -> None:
    """What lies on the head, cut where the face begins."""
    style = someone.hair_style
    colour, sheen = _locks(sitting, someone)
    face = sitting.ellipse(12.4, 12.8, 4.7, 5.4, 0.5, 0.08)
    cap = sitting.ellipse(12.0, 8.7, 6.7, 7.1, wavy=0.08) * ramp(13.6 - sitting.y - 0.12 * sitting.x, 1.6)
    if style in ("short", "slicked", ""):
        top = {"short": 3.0, "slicked": 2.0, "": 1.8}[style]
        cap = sitting.ellipse(12.0, 6.3 + top, 6.4, 6.5, wavy=0.08) * ramp(12.6 - sitting.y - 0.12 * sitting.x, 1.6)
        face = sitting.ellipse(12.5, 12.6, 5.0, 5.2, 0.5, 0.08)
    elif style == "buzzcut":
        cap = sitting.ellipse(12.0, 9.8, 5.3, 6.2) * ramp(10.4 - sitting.y - 0.05 * sitting.x, 1.2) * 0.85
    elif style == "mohawk":
        cap = sitting.ellipse(12.0, 3.9, 3.7, 5.2, wavy=0.12)
        face = sitting.ellipse(12.0, 14.2, 4.9, 5.4, 0.5)
    elif style == "spiky":
        spikes = [
            ((7.5, 7.0), (4.5, 1.2)),
            ((9.5, 6.0), (9.0, 0.3)),
            ((12.5, 6.0), (14.0, 0.3)),
            ((15.5, 7.0), (19.0, 1.8)),
        ]
        cap = np.maximum.reduce([cap, *(sitting.stroke([base, tip], 2.0, 1.2) for base, tip in spikes)])
    elif style == "long":
        sides = np.maximum(sitting.box(4.2, 8.0, 7.6, 25.0, 0.6, 0.25), sitting.box(16.6, 8.0, 19.7, 25.0, 0.6, 0.25))
        cap = np.maximum(sitting.ellipse(11.8, 9.2, 7.3, 7.3, wavy=0.1) * ramp(14.0 - sitting.y, 1.5), sides)
        face = sitting.ellipse(12.9, 13.3, 4.5, 6.6, 0.5, 0.08)
    elif style == "bob":
        cap = sitting.ellipse(12.0, 9.8, 7.6, 8.0, wavy=0.08)
        face = np.maximum(sitting.ellipse(12.4, 13.6, 4.6, 5.4, 0.5), sitting.box(7.6, 14.0, 16.6, 20.0, 0.6))
    elif style in ("afro", "curly"):
        wide, high = (9.4, 7.8) if style == "afro" else (7.9, 6.7)
        cap = sitting.ellipse(11.8, 8.2, wide, high, 0.5, 0.3)
        face = sitting.ellipse(12.3, 13.4, 5.1, 6.2, 0.5, 0.12)
    if someone.hat not in ("", "headband"):
        cap = cap * ramp(sitting.y - 7.5, 0.5)
    sitting.lay(cap * (1 - face), colour, sheen)


def _hat(sitting: Sitting, someone: Persona) -> None:
    """Felt, wool or gold on the head."""
    metal = someone.hat == "crown"
    felt = sitting.colour(METAL if metal else CLOTH, someone.hat_colour)
    trim = np.full(3, 0.95, np.float32) if felt.sum() < 1.9 else np.full(3, 0.18, np.float32)
    light = 1.12 - 0.035 * (sitting.x - 8.0) + 0.04 * sitting.noise(6.0)
    dome = sitting.ellipse(12.0, 8.2, 6.4, 6.0) * ramp(8.0 - sitting.y, 0.5)
    if someone.hat == "cap":
        sitting.lay(dome, felt, light)
        sitting.lay(sitting.ellipse(15.5, 7.3, 7.0, 1.1), felt, 0.78)
    elif someone.hat == "beanie":
        sitting.lay(sitting.ellipse(11.5, 1.6, 1.8, 1.6, 0.6), trim)
        sitting.lay(sitting.ellipse(12.0, 8.2, 7.0, 6.2) * ramp(8.5 - sitting.y, 0.5), felt, light)
        sitting.lay(sitting.box(5.0, 6.0, 19.0, 8.4, 0.6), trim, 0.95)
    elif someone.hat == "top hat":
        sitting.lay(sitting.box(7.0, -1.0, 17.0, 7.0, 0.5), felt, light)
        sitting.lay(sitting.box(7.0, 4.0, 17.0, 5.2, 0.4), trim)
        sitting.lay(sitting.ellipse(12.0, 7.0, 8.2, 1.2), felt, 0.85)
    elif someone.hat == "bandana":
        sitting.lay(sitting.ellipse(12.0, 8.6, 6.9, 5.8) * ramp(8.0 - sitting.y, 0.5), felt, light)
        sitting.lay(sitting.stroke([(6.0, 8.0), (3.5, 10.5)], 1.6, 0.5), felt, 0.85)
    elif someone.hat == "headband":
        sitting.lay(sitting.box(5.6, 5.9, 18.6, 8.1, 0.5), felt, light)
    elif someone.hat == "cowboy hat":
        sitting.lay(sitting.box(7.0, 1.0, 16.8, 7.0, 1.5), felt, light)
        sitting.lay(sitting.box(7.0, 4.6, 16.8, 5.6, 0.4), trim)
        sitting.lay(sitting.stroke([(2.6, 4.5), (6.0, 7.2), (18.0, 7.2), (21.4, 4.5)], 1.8, 0.4), felt, 0.88)
    else:
        points = [(6.5, 1.3), (10.0, 1.6), (13.8, 1.6), (17.5, 1.3)]
        tines = [sitting.stroke([(x, y), (x, 5.0)], 1.4, 0.4) for x, y in points]
        sitting.lay(np.maximum.reduce([sitting.box(5.8, 3.8, 18.2, 7.1, 0.4), *tines]), felt, light)
        sitting.lay(sitting.ellipse(12.0, 5.0, 0.9, 0.7), np.array(METAL["emerald"], np.float32) / np.float32(255))
