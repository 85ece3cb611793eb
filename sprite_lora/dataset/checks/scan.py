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

from sprite_lora.dataset.checks.census import Census
from sprite_lora.dataset.checks.codes import check_codes, check_colours
from sprite_lora.dataset.checks.finding import Found
from sprite_lora.dataset.checks.limits import Gate
from sprite_lora.dataset.checks.listing import Folder, shown
from sprite_lora.dataset.checks.sprites import check_picture
from sprite_lora.dataset.checks.words import check_words, read_caption, too_long
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


class Task(NamedTuple):
    """One pair to check, and which halves of it are there."""

    stem: str
    sprite: bool
    caption: bool


Checked = tuple[list[Pair], list[Found], Census]


def check_pairs(
    sprites: Folder, captions: Folder, gate: Gate, tokenizer: ClipTokenizer | None, processes: int | None = None
) -> Iterator[Checked]:
    """Check all pairs, sorted by stem, a chunk at a time. Linear in time; a few chunks a process wait in memory."""
    stems = sorted(sprites.stems | captions.stems)
    chunks = (
        [Task(stem, stem in sprites.stems, stem in captions.stems) for stem in stems[at : at + CHUNK]]
        for at in range(0, len(stems), CHUNK)
    )
    processes = 1 if len(stems) < FEW else processes or _cores()
    check = partial(check_chunk, sprites, captions, gate)
    with tqdm(total=len(stems), unit="pair", disable=None, leave=False) as progress:
        for checked in _in_order(chunks, check, gate, tokenizer, processes):
            progress.update(len(checked[0]))
            yield checked


Check = Callable[[list[Task], ClipTokenizer | None], Checked]


def _in_order(
    chunks: Iterator[list[Task]], check: Check, gate: Gate, tokenizer: ClipTokenizer | None, processes: int
) -> Iterator[Checked]:
    if processes == 1:
        yield from (check(chunk, tokenizer) for chunk in chunks)
        return
    with ProcessPoolExecutor(processes, initializer=_start, initargs=(check, gate.base)) as pool:
        waiting: deque[Future[Checked]] = deque()
        for chunk in chunks:
            waiting.append(pool.submit(_check, chunk))
            if len(waiting) > AHEAD * processes:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_worker: list[tuple[Check, ClipTokenizer | None]] = []
"""A pool process's own check and tokenizer, set once by `_start`."""


def _start(check: Check, base: Path | None) -> None:
    # One thread each: the processes already take all cores.
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    _worker.append((check, load_tokenizer(base) if base else None))


def _check(chunk: list[Task]) -> Checked:
    check, tokenizer = _worker[0]
    return check(chunk, tokenizer)


def check_chunk(
    sprites: Folder, captions: Folder, gate: Gate, chunk: list[Task], tokenizer: ClipTokenizer | None
) -> Checked:
    """Every rule that looks at one pair alone."""
    found: list[Found] = []
    census = Census()
    pairs = [_check_pair(task, sprites, captions, gate, found) for task in chunk]
    texts = [pair.caption for pair in pairs if pair.caption is not None]
    for text in texts:
        census.add(text)
    if tokenizer:
        counts = iter(tokenizer.counts(texts))
        for pair in pairs:
            if pair.caption is not None:
                pair.tokens = next(counts)
                limit = gate.max_token_length
                if limit and (message := too_long(pair.caption, pair.tokens, tokenizer, limit)):
                    found.append(Found("truncated", captions.shown(pair.stem), message))
    return pairs, found, census


def _check_pair(task: Task, sprites: Folder, captions: Folder, gate: Gate, found: list[Found]) -> Pair:
    caption, picture = None, None
    if task.sprite:
        path = sprites.file(task.stem)
        picture = check_picture(path, shown(path), gate, found)
    if task.caption:
        path = captions.file(task.stem)
        file = shown(path)
        caption = read_caption(path, file, found)
        if caption:
            check_words(caption, file, gate, found)
            named = check_codes(caption, file, found)
            if picture:
                check_colours(caption, named, picture, gate.hex_tolerance, file, found)
    if not picture:
        return Pair(task.stem, caption, None, None, 0, -1)
    red, green, blue = picture.border[0][0]
    return Pair(task.stem, caption, picture.digest, None, len(picture.colours), red << 16 | green << 8 | blue)
