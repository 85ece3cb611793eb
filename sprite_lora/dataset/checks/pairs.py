"""All pairs, checked on all cores, in chunks of bounded memory."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from sprite_lora.dataset.checks.caption_rule import Caption, CheckSettings
from sprite_lora.dataset.checks.captions import ReadCaption, check_caption, read_caption
from sprite_lora.dataset.checks.census import Census
from sprite_lora.dataset.checks.finding import Finding
from sprite_lora.dataset.checks.folders import Folder
from sprite_lora.dataset.checks.sprites import CheckedSprite, Sprite, check_sprite
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
            else _in_processes(chunks, check, settings.base, processes, sprites)
        )
        for checked in in_order:
            progress.update(len(checked.pairs))
            yield checked


Check = Callable[[ClipTokenizer | None, list[Files]], CheckedChunk]


def _in_processes(
    chunks: Iterator[list[Files]], check: Check, base: Path | None, processes: int, sprites: Folder
) -> Iterator[CheckedChunk]:
    """All chunks in order, also where the system ends a process, which takes the whole pool with it."""
    ahead, start = AHEAD * processes, partial(_pool, processes, check, base)
    while begun := (yield from _until_broken(chunks, start, ahead)):
        yield from _one_by_one([files for chunk in begun for files in chunk], partial(_pool, 1, check, base), sprites)


def _until_broken(
    chunks: Iterator[list[Files]], start: Callable[[], ProcessPoolExecutor], ahead: int
) -> Generator[CheckedChunk, None, list[list[Files]]]:
    """Chunks in order; returns those that were begun when a process died, none where all are checked."""
    begun: deque[list[Files]] = deque()
    waiting: deque[Future[CheckedChunk]] = deque()
    with start() as pool:
        try:
            for chunk in chunks:
                begun.append(chunk)
                waiting.append(pool.submit(_check, chunk))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
                    begun.popleft()
            while waiting:
                yield waiting.popleft().result()
                begun.popleft()
        except BrokenProcessPool:
            pass
    return list(begun)


def _one_by_one(
    pairs: list[Files], start: Callable[[], ProcessPoolExecutor], sprites: Folder
) -> Iterator[CheckedChunk]:
    """Pairs in turn, one process at a time: where it dies, the pair is a finding."""
    left = deque(pairs)
    while left:
        with start() as pool:
            try:
                while left:
                    yield pool.submit(_check, [left[0]]).result()
                    left.popleft()
            except BrokenProcessPool:
                stem = left.popleft().stem
                message = "the system ended the process that read it or its caption (for want of memory?)"
                finding = Finding("unreadable-file", sprites.shown(stem), message)
                yield CheckedChunk([Pair(stem, None, None, None, 0, -1)], [finding], Census())


def _pool(processes: int, check: Check, base: Path | None) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(processes, initializer=_start, initargs=(check, base))


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
    """Every rule that looks at one pair alone. A missing half is no finding here."""
    checked = CheckedChunk([], [], Census())
    # First all sprites, then all captions: a third faster than in turn, since each kind of work keeps its code and
    # tables in the core's caches.
    checked_sprites = [
        check_sprite(sprites.file(files.stem), settings.art_pixels, settings.background)
        if files.sprite
        else CheckedSprite(None, [])
        for files in chunk
    ]
    for files, (sprite, sprite_findings) in zip(chunk, checked_sprites, strict=True):
        text, caption_findings = read_caption(captions.file(files.stem)) if files.caption else ReadCaption(None, [])
        checked.findings.extend((*sprite_findings, *caption_findings))
        caption = Caption(text, settings, sprite, tokenizer) if text else None
        if caption:
            checked.findings.extend(check_caption(caption, captions.shown(files.stem)))
            checked.census.add(caption.text)
        checked.pairs.append(_kept(files.stem, sprite, caption))
    return checked


def _kept(stem: str, sprite: Sprite | None, caption: Caption | None) -> Pair:
    text, tokens = (caption.text, caption.tokens) if caption else (None, None)
    if not sprite:
        return Pair(stem, text, None, tokens, 0, -1)
    red, green, blue = sprite.border[0][0]
    return Pair(stem, text, sprite.digest, tokens, len(sprite.colours), red << 16 | green << 8 | blue)
