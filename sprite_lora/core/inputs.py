"""Where inputs may lie: below the project, apart from each other and from all that is written.

Rules on names, and on where links lead. So no value of params.yaml, which people exchange, names a network address or
a folder of somebody else's machine, and nothing that DVC or a stage clears is the user's.
"""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

OURS = ("outputs", "reports", "state", "logs", ".dvc", ".git", ".snakemake", ".venv")
"""Folders of the project in which no input lies."""

CACHES = "state"
"""Where caches lie: Git ignores it, and no stage clears it."""

STATES = ("state/train", "state/sample")
"""What stages keep there themselves."""

ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/")
"""How `s3://bucket` and its like begin."""

LONGEST = 255
"""Bytes of a name in a path, the limit of most file systems; of the whole path, 16 of them."""


LINK = "inputs lie below the project, those from elsewhere as a link: ln -s PLACE NAME"


def name_problem(path: str) -> str:
    """What is wrong with a path as it is written; empty where nothing is. It never repeats folders of the machine."""
    if ADDRESS.match(path):
        return f"is a network address, or reads like one; {LINK}"
    if not path.isprintable() or any(sign in path for sign in "{}\\"):
        return "holds a sign that Snakemake, DVC or a terminal reads as its own ({ } \\ or one that cannot be printed)"
    if path.startswith(("/", "~")):
        return f"is an absolute path, which would stand in dvc.lock and on the page; {LINK}"
    parts = Path(path).parts
    if not parts:
        return "is the project itself: name a folder in it"
    if ".." in parts:
        return f"leads out of its folder with `..`; {LINK}"
    if max(len(part.encode()) for part in parts) > LONGEST or len(path.encode()) > 16 * LONGEST:
        return f"has a name of more than {LONGEST} bytes, which no file can have"
    if parts[0].casefold() in OURS:
        return f"lies in {parts[0]}/, which this project or a tool writes and clears: take a folder of your own"
    return ""


def cache_problem(path: str) -> str:
    """`name_problem` of a folder for caches, which lies in state/."""
    parts = Path(path).parts
    if parts[:1] != (CACHES,) or len(parts) < 2:
        return f"must lie in {CACHES}/, on a disk with room as a link: ln -s PLACE {CACHES}/caches"
    return name_problem("/".join(("caches", *parts[1:])))


def overlap_problems(inputs: Mapping[str, Path], caches: Path) -> Iterator[tuple[str, str]]:
    """Name and message of each input whose files are also another's, the project's or those that stages write.

    Links are followed. A link to a file or folder outside of the project is its user's own act, and allowed.
    """
    root = Path(os.path.realpath("."))
    places = {name: Path(os.path.realpath(path)) for name, path in {**inputs, "caches": caches}.items()}
    for name, place in places.items():
        if root.is_relative_to(place):
            yield name, "holds the whole project: name a folder in it"
            continue
        ours = OURS if name != "caches" else (*(own for own in OURS if own != CACHES), *STATES)
        for own in ours:
            real = Path(os.path.realpath(root / own))
            if place.is_relative_to(real) or real.is_relative_to(place):
                yield name, f"shares files with {own}/, which this project or a tool writes and clears"
    pairs = [(one, other) for number, one in enumerate(places) for other in [*places][number + 1 :]]
    for one, other in pairs:
        if places[one] == places[other]:
            yield other, f"is the same as paths.{one}: each needs a place of its own"
        elif places[one].is_relative_to(places[other]):
            yield other, f"holds paths.{one}: each needs a place of its own"
        elif places[other].is_relative_to(places[one]):
            yield other, f"lies in paths.{one}: each needs a place of its own"
