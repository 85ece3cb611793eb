"""All pairs, checked on all cores, in chunks of bounded memory."""

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from sprite_lora.dataset.checks.caption_rule import Caption, CheckSettings
from sprite_lora.dataset.checks.captions import check_caption, read_caption
from sprite_lora.dataset.checks.census import Census
from sprite_lora.dataset.checks.finding import Finding, shown
from sprite_lora.dataset.checks.folders import Folder
from sprite_lora.dataset.checks.sprites import check_sprite
from sprite_lora.dataset.tokens import ClipTokenizer, load_tokenizer

CHUNK = 256
"""Pairs that travel to a process at once: a tenth of a second of work."""

AHEAD = 3
"""Chunks that wait for each process, so that none idles."""

FEW = 1024
"""Pairs from which on starting processes takes less time than it saves."""


@dataclass(slots=True)
class Pair:
    """What is kept of a pair once it is checked: some hundred bytes."""

    stem: str
    caption: str | None
    """None where it cannot be read or is empty."""
    digest: bytes | None
    """Of its pixels; None where the sprite cannot be read."""
    tokens: int | None
    colours: int
    background: int
    """Commonest border colour as 0xrrggbb; -1 where the sprite cannot be read."""


class CheckedPair(NamedTuple):
    """One pair, and what is wrong with it."""

    pair: Pair
    findings: list[Finding]


class CheckedChunk(NamedTuple):
    """Some pairs, what is wrong with them, and the words of their captions."""

    pairs: list[Pair]
    findings: list[Finding]
    census: Census


class Files(NamedTuple):
    """The stem of a pair, and which halves of it are there."""

    stem: str
    sprite: bool
    caption: bool


def check_pairs(
    sprites: Folder,
    captions: Folder,
    settings: CheckSettings,
    tokenizer: ClipTokenizer | None,
    processes: int | None = None,
) -> Iterator[CheckedChunk]:
    """Check all pairs, sorted by stem, a chunk at a time. Linear in time; a few chunks a process wait in memory.

    `tokenizer`: that of settings.base, which other processes load for themselves.
    """
    stems = sorted(sprites.stems | captions.stems)
    chunks = (
        [Files(stem, stem in sprites.stems, stem in captions.stems) for stem in stems[at : at + CHUNK]]
        for at in range(0, len(stems), CHUNK)
    )
    processes = 1 if len(stems) < FEW else processes or _cores()
    check = partial(check_chunk, sprites, captions, settings)
    with tqdm(total=len(stems), unit="pair", disable=None, leave=False) as progress:
        in_order = (
            (check(tokenizer, chunk) for chunk in chunks)
            if processes == 1
            else _in_processes(chunks, check, settings.base, processes)
        )
        for checked in in_order:
            progress.update(len(checked.pairs))
            yield checked


Check = Callable[[ClipTokenizer | None, list[Files]], CheckedChunk]


def _in_processes(
    chunks: Iterator[list[Files]], check: Check, base: Path | None, processes: int
) -> Iterator[CheckedChunk]:
    with ProcessPoolExecutor(processes, initializer=_start, initargs=(check, base)) as pool:
        waiting: deque[Future[CheckedChunk]] = deque()
        for chunk in chunks:
            waiting.append(pool.submit(_check, chunk))
            if len(waiting) > AHEAD * processes:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_worker: list[Callable[[list[Files]], CheckedChunk]] = []
"""A pool process's own check, set once by `_start`."""


def _start(check: Check, base: Path | None) -> None:
    # One thread each: the processes already take all cores.
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    _worker.append(partial(check, load_tokenizer(base) if base else None))


def _check(chunk: list[Files]) -> CheckedChunk:
    return _worker[0](chunk)


def check_chunk(
    sprites: Folder, captions: Folder, settings: CheckSettings, tokenizer: ClipTokenizer | None, chunk: list[Files]
) -> CheckedChunk:
    """`check_pair` of each, and their census."""
    pairs, findings, census = [], [], Census()
    for files in chunk:
        sprite = sprites.file(files.stem) if files.sprite else None
        caption = captions.file(files.stem) if files.caption else None
        pair, found = check_pair(files.stem, sprite, caption, settings, tokenizer)
        pairs.append(pair)
        findings += found
        if pair.caption is not None:
            census.add(pair.caption)
    return CheckedChunk(pairs, findings, census)


def check_pair(
    stem: str,
    sprite_file: Path | None,
    caption_file: Path | None,
    settings: CheckSettings,
    tokenizer: ClipTokenizer | None,
) -> CheckedPair:
    """Every rule that looks at one pair alone. A file that is None is missing, which is no finding here."""
    sprite, text, tokens, findings = None, None, None, []
    if sprite_file:
        sprite, found = check_sprite(sprite_file, settings.art_pixels, settings.background)
        findings += found
    if caption_file:
        text, found = read_caption(caption_file)
        findings += found
        if text:
            caption = Caption(text, settings, sprite, tokenizer)
            findings += check_caption(caption, shown(caption_file))
            tokens = caption.tokens
    if not sprite:
        return CheckedPair(Pair(stem, text, None, tokens, 0, -1), findings)
    red, green, blue = sprite.border[0][0]
    pair = Pair(stem, text, sprite.digest, tokens, len(sprite.colours), red << 16 | green << 8 | blue)
    return CheckedPair(pair, findings)
