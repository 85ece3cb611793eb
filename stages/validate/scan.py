"""All pairs, checked on all cores, in chunks of bounded memory."""

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass

from tqdm import tqdm

from stages.tokens import ClipTokenizer, load_tokenizer
from stages.validate.census import Census
from stages.validate.finding import Found
from stages.validate.gate import Gate
from stages.validate.hexes import check_codes, check_colours
from stages.validate.listing import shown
from stages.validate.picture import check_picture
from stages.validate.words import check_length, check_words, read_caption

CHUNK = 256
"""Pairs that travel to a process at once: a tenth of a second of work."""

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


@dataclass(frozen=True)
class Task:
    """One pair to check; a path is None where that half is missing."""

    stem: str
    sprite: str | None
    caption: str | None


Checked = tuple[list[Pair], list[Found], Census]


def check_pairs(
    tasks: list[Task], gate: Gate, tokenizer: ClipTokenizer | None, processes: int | None = None
) -> Iterator[Checked]:
    """Check all pairs, in order, a chunk at a time. Linear in time; at most four chunks a process wait in memory."""
    chunks = [tasks[at : at + CHUNK] for at in range(0, len(tasks), CHUNK)]
    processes = processes or _cores()
    with tqdm(total=len(tasks), unit="pair", disable=None, leave=False) as progress:
        for checked in _in_order(chunks, gate, tokenizer, processes if len(tasks) >= FEW else 1):
            progress.update(len(checked[0]))
            yield checked


def _in_order(
    chunks: list[list[Task]], gate: Gate, tokenizer: ClipTokenizer | None, processes: int
) -> Iterator[Checked]:
    if processes == 1:
        yield from (check_chunk(chunk, gate, tokenizer) for chunk in chunks)
        return
    with ProcessPoolExecutor(processes, initializer=_start, initargs=(gate,)) as pool:
        waiting: deque[Future[Checked]] = deque()
        for chunk in chunks:
            waiting.append(pool.submit(_check, chunk))
            if len(waiting) > 4 * processes:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_worker: list[tuple[Gate, ClipTokenizer | None]] = []
"""A pool process's own gate and tokenizer, set once by `_start`."""


def _start(gate: Gate) -> None:
    # One thread each: the processes already take all cores.
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    _worker.append((gate, load_tokenizer(gate.base) if gate.base else None))


def _check(chunk: list[Task]) -> Checked:
    gate, tokenizer = _worker[0]
    return check_chunk(chunk, gate, tokenizer)


def check_chunk(chunk: list[Task], gate: Gate, tokenizer: ClipTokenizer | None) -> Checked:
    """Every rule that looks at one pair alone."""
    found: list[Found] = []
    census = Census()
    pairs = [_check_pair(task, gate, found) for task in chunk]
    counted = [pair for pair in pairs if pair.caption is not None]
    for pair in counted:
        census.add(pair.caption or "")
    if tokenizer:
        for pair, tokens in zip(counted, tokenizer.counts([pair.caption or "" for pair in counted]), strict=True):
            pair.tokens = tokens
        paths = {task.stem: task.caption for task in chunk}
        for pair in counted:
            if gate.max_token_length and pair.tokens and pair.tokens > gate.max_token_length:
                file = shown(paths[pair.stem] or "")
                check_length(
                    pair.caption or "", pair.tokens, file, tokenizer, gate.max_token_length, "truncated", found
                )
    return pairs, found, census


def _check_pair(task: Task, gate: Gate, found: list[Found]) -> Pair:
    caption, picture = None, None
    if task.sprite:
        picture = check_picture(task.sprite, shown(task.sprite), gate, found)
    if task.caption:
        file = shown(task.caption)
        caption = read_caption(task.caption, file, found)
        if caption:
            check_words(caption, file, gate, found)
            named = check_codes(caption, file, found)
            if picture:
                check_colours(caption, named, picture, gate.hex_tolerance, file, found)
    if not picture:
        return Pair(task.stem, caption, None, None, 0, -1)
    red, green, blue = picture.border[0][0]
    return Pair(task.stem, caption, picture.digest, None, len(picture.colours), red << 16 | green << 8 | blue)
