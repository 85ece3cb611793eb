"""Who is in the picture: a lad or a lady with named attributes, drawn by lot from a seed, and put into words.

Everything that draws these people (pixel.py as sprites, smooth.py as photographs) starts here, so that one
caption means one thing. The sample set made from it is dedicated to the public domain (CC0 1.0).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

RGB = tuple[int, int, int]

PREFIX = "pixel art, 24x24"
SUFFIX = "sharp pixel edges, hard color borders, retro pixel art style"

BACKGROUNDS: Mapping[str, RGB] = {
    "red": (200, 48, 56),
    "orange": (240, 132, 40),
    "yellow": (248, 216, 72),
    "lime": (160, 220, 64),
    "green": (48, 148, 72),
    "teal": (24, 136, 136),
    "cyan": (96, 216, 232),
    "blue": (56, 104, 216),
    "navy": (32, 44, 104),
    "purple": (124, 72, 184),
    "pink": (248, 152, 192),
    "brown": (128, 84, 56),
    "gray": (148, 152, 160),
    "white": (240, 240, 236),
}
HAIR: Mapping[str, RGB] = {
    "black": (40, 36, 44),
    "brown": (104, 64, 40),
    "blonde": (240, 204, 104),
    "ginger": (208, 100, 40),
    "gray": (144, 144, 152),
    "white": (232, 232, 236),
    "red": (192, 36, 48),
    "pink": (244, 112, 172),
    "purple": (132, 64, 188),
    "blue": (48, 96, 220),
    "teal": (32, 164, 156),
    "green": (68, 180, 64),
}
EYES: Mapping[str, RGB] = {
    "brown": (112, 64, 32),
    "blue": (48, 112, 224),
    "green": (40, 152, 72),
    "gray": (120, 128, 140),
    "amber": (216, 144, 24),
    "purple": (136, 72, 200),
}
SKIN: Mapping[str, RGB] = {
    "pale": (252, 224, 208),
    "light": (240, 192, 156),
    "tan": (212, 156, 108),
    "brown": (156, 100, 64),
    "dark": (100, 60, 44),
}
# Shirts, hats and the frames of glasses.
CLOTH: Mapping[str, RGB] = {
    "black": (44, 44, 52),
    "white": (236, 236, 232),
    "gray": (132, 136, 144),
    "red": (208, 44, 52),
    "orange": (236, 124, 36),
    "yellow": (244, 204, 56),
    "green": (52, 152, 76),
    "teal": (28, 144, 144),
    "blue": (52, 96, 208),
    "purple": (120, 68, 176),
    "pink": (240, 128, 176),
    "brown": (120, 76, 48),
}
METAL: Mapping[str, RGB] = {
    "gold": (248, 200, 48),
    "silver": (216, 220, 228),
    "ruby": (216, 32, 64),
    "emerald": (24, 176, 96),
}
LIPS: Mapping[str, RGB] = {
    "red": (200, 24, 48),
    "pink": (236, 88, 140),
    "purple": (128, 40, 128),
    "black": (44, 28, 40),
}

# Weights of what is drawn by lot; they need not add up to one.
_BACKGROUND_KINDS = {"solid": 14, "checkered": 2, "striped": 2, "dotted": 2, "brick": 2}
_LAD_HAIR = {
    "short": 5,
    "mohawk": 3,
    "spiky": 3,
    "afro": 2,
    "curly": 3,
    "long": 2,
    "slicked": 2,
    "buzzcut": 2,
    "": 3,
    "bald": 1,
}
_LADY_HAIR = {
    "long": 5,
    "bob": 4,
    "": 3,
    "curly": 3,
    "afro": 2,
    "ponytail": 3,
    "pigtail": 2,
    "bun": 2,
    "mohawk": 2,
    "short": 2,
}
_HATS = {"": 30, "cap": 3, "beanie": 3, "top hat": 2, "bandana": 2, "headband": 2, "cowboy hat": 2, "crown": 1}
_GLASSES = {"": 22, "sunglasses": 4, "glasses": 4, "round glasses": 2, "eyepatch": 1}
_LAD_BEARDS = {"": 10, "beard": 3, "goatee": 2, "mustache": 2, "stubble": 2}
_EXPRESSIONS = {"": 4, "smiling": 2, "frowning": 1}
_SHIRTS = {"shirt": 6, "striped shirt": 2, "hoodie": 2, "jacket": 2, "suit": 1, "tank top": 1}
_HAIR_WEIGHTS = {"black": 3, "brown": 3, "blonde": 3, "ginger": 2}
_SKIN_WEIGHTS = {"pale": 2, "light": 4, "tan": 3, "brown": 3, "dark": 2}

# The styles that fit under a hat, and the ones of which some hats leave next to nothing to see.
_UNDER_HATS = frozenset({"short", "long", "bob", "curly", "buzzcut", "slicked", "bald", "", "pigtail"})
_SWALLOWED = {hat: {"buzzcut"} for hat in ("cap", "top hat", "cowboy hat", "crown")} | {
    hat: {"buzzcut", "short", "slicked"} for hat in ("beanie", "bandana")
}

# Pairs of words that differ and yet hardly stand out from each other in the picture.
_ALIKE = frozenset(
    frozenset(pair)
    for pair in (
        ("black", "navy"),
        ("blue", "navy"),
        ("blonde", "yellow"),
        ("ginger", "orange"),
        ("ginger", "brown"),
        ("red", "ginger"),
        ("teal", "green"),
        ("lime", "green"),
        ("silver", "gray"),
        ("orange", "red"),
        ("black", "brown"),
        ("dark skin", "brown"),
    )
)


@dataclass(frozen=True)
class Persona:
    """One person. Empty strings mean 'none' (hat, glasses, ...) or 'plain' (hair_style, expression)."""

    kind: str  # lad | lady
    hair: str  # key of HAIR
    hair_style: str  # key of _LAD_HAIR or _LADY_HAIR; "" is plain medium hair
    eyes: str  # key of EYES
    skin: str  # key of SKIN
    hat: str  # key of _HATS
    hat_colour: str  # key of CLOTH; "gold" for a crown
    glasses: str  # key of _GLASSES
    glasses_colour: str  # key of CLOTH
    earrings: str  # key of METAL or ""
    beard: str  # key of _LAD_BEARDS; always "" for a lady; all but stubble have the hair's colour
    lipstick: str  # key of LIPS or ""; always "" for a lad
    freckles: bool
    expression: str  # key of _EXPRESSIONS
    background: str  # key of BACKGROUNDS
    background_kind: str  # key of _BACKGROUND_KINDS
    shirt: str  # key of _SHIRTS
    shirt_colour: str  # key of CLOTH

    @property
    def hair_shown(self) -> bool:
        """Whether hair can be seen on the head: not when bald, nor when a hat swallows what little there is."""
        return self.hair_style != "bald" and self.hair_style not in _SWALLOWED.get(self.hat, set())

    @property
    def eyes_shown(self) -> bool:
        """Whether the picture shows the colour of the eyes."""
        return self.glasses != "sunglasses"


def persona(index: int, seed: int) -> Persona:
    """The person number `index` of the crowd `seed`; a function of both and of nothing else.

    Even indices are lads, odd ones ladies. Only `Random.random` is called, whose numbers Python
    promises for all versions.
    """
    rng = Random(f"portraits/{seed}/{index}")
    kind = "lad" if index % 2 == 0 else "lady"

    background = _pick(rng, _even(BACKGROUNDS))
    skin = _pick(rng, _SKIN_WEIGHTS)
    hair = _pick(rng, _unlike(_even(HAIR) | _HAIR_WEIGHTS, background, f"{skin} skin"))
    hair_style = _pick(rng, _LAD_HAIR if kind == "lad" else _LADY_HAIR)
    hat = _pick(rng, _HATS)
    if hat not in ("", "headband") and hair_style not in _UNDER_HATS:
        hat = ""
    hat_colour = "gold" if hat == "crown" else _pick(rng, _unlike(_even(CLOTH), background, hair)) if hat else ""
    glasses = _pick(rng, _GLASSES)
    dark_frames = {"black": 4, "red": 1, "blue": 1, "purple": 1, "brown": 1}
    glasses_colour = "black" if glasses == "eyepatch" else _pick(rng, dark_frames) if glasses else ""
    shirt_colour = _pick(rng, _unlike(_even(CLOTH), background))
    return Persona(
        kind=kind,
        hair=hair,
        hair_style=hair_style,
        eyes=_pick(rng, _even(EYES)),
        skin=skin,
        hat=hat,
        hat_colour=hat_colour,
        glasses=glasses,
        glasses_colour=glasses_colour,
        earrings=_pick(
            rng, {"": 3 if kind == "lad" else 1} | {"gold": 0.5, "silver": 0.5, "ruby": 0.2, "emerald": 0.2}
        ),
        beard=_pick(rng, _LAD_BEARDS) if kind == "lad" else "",
        lipstick=_pick(rng, {"": 2} | _even(LIPS)) if kind == "lady" else "",
        freckles=rng.random() < 0.1,
        expression=_pick(rng, _EXPRESSIONS),
        background=background,
        background_kind=_pick(rng, _BACKGROUND_KINDS),
        shirt=_pick(rng, _SHIRTS),
        shirt_colour=shirt_colour,
    )


def personas(count: int, seed: int) -> list[Persona]:
    """The first `count` people of the crowd `seed` whose captions all differ, lads and ladies in turn."""
    found: dict[str, Persona] = {}
    index = 0
    while len(found) < count:
        someone = persona(index, seed)
        if (index % 2) == (len(found) % 2):
            found.setdefault(caption(someone), someone)
        index += 1
    return list(found.values())


def subject(someone: Persona) -> str:
    """`portrait of bespoke punk lady`."""
    return f"portrait of bespoke punk {someone.kind}"


def description(someone: Persona) -> str:
    """The tags for what can be seen: hair, things worn, eyes, skin, face, background, clothes."""
    tags = []
    if someone.hair_style == "bald":
        tags.append("bald head")
    elif someone.hair_shown:
        tags.append(" ".join(filter(None, (someone.hair, someone.hair_style, "hair"))))
    if someone.hat:
        tags.append(f"wearing {someone.hat_colour} {someone.hat}")
    if someone.glasses:
        tags.append(f"wearing {someone.glasses_colour} {someone.glasses}")
    if someone.eyes_shown:
        tags.append(f"{someone.eyes} eyes")
    tags.append(f"{someone.skin} skin")
    if someone.beard:
        # Stubble is a shadow on the skin, of no colour of its own.
        tags.append(someone.beard if someone.beard == "stubble" else f"{someone.hair} {someone.beard}")
    if someone.lipstick:
        tags.append(f"{someone.lipstick} lipstick")
    if someone.freckles:
        tags.append("freckles")
    if someone.expression:
        tags.append(someone.expression)
    if someone.earrings:
        tags.append(f"{someone.earrings} earrings")
    tags.append(f"{someone.background_kind} {someone.background} background")
    tags.append(f"{someone.shirt_colour} {someone.shirt}")
    return ", ".join(tags)


def caption(someone: Persona) -> str:
    """The whole caption of a sprite: trigger tags, subject, description, style tags."""
    return ", ".join((PREFIX, subject(someone), description(someone), SUFFIX))


def _pick(rng: Random, weights: Mapping[str, float]) -> str:
    """One key, with a chance in proportion to its weight."""
    left = rng.random() * sum(weights.values())
    for key, weight in weights.items():
        left -= weight
        if left < 0:
            return key
    return next(reversed(list(weights)))


def _even(names: Mapping[str, RGB]) -> dict[str, float]:
    """Every name with the same weight."""
    return dict.fromkeys(names, 1.0)


def _unlike(weights: Mapping[str, float], *others: str) -> dict[str, float]:
    """Without the words that name, or look like, one of the others."""
    taken = {word for word in weights for other in others if word == other or frozenset((word, other)) in _ALIKE}
    return {word: weight for word, weight in weights.items() if word not in taken}
