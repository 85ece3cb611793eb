"""Many pairs: the same findings on any number of processes, and hostile files on the way."""

import os
import signal
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from small_set import caption, sprite

from sprite_lora.dataset.checks import pairs
from sprite_lora.dataset.checks.census import Census
from sprite_lora.dataset.checks.folders import list_folder
from sprite_lora.dataset.checks.pairs import check_pairs
from sprite_lora.dataset.checks.sprites import check_sprite


def both(small_set):
    root = small_set.root
    return list_folder(root / "data", ".png").folder, list_folder(root / "captions", ".txt").folder


def everything(chunks):
    checked, findings, census = [], [], Census()
    for chunk in chunks:
        checked += chunk.pairs
        findings += chunk.findings
        census.merge(chunk.census)
    return checked, sorted(findings), census


def test_processes_change_nothing(small_set, settings, clip, monkeypatch):
    for number in range(8, 30):
        small_set.write(
            f"lad_{number:03}", caption("pink", number) + ", x" * (number % 40), sprite((248, 152, 192), number)
        )
    small_set.write("lad_010", b"", b"")
    (small_set.root / "data/lad_012.png").unlink()
    alone = everything(check_pairs(*both(small_set), settings, clip, processes=1))
    monkeypatch.setattr(pairs, "FEW", 1)
    monkeypatch.setattr(pairs, "CHUNK", 4)
    together = everything(check_pairs(*both(small_set), settings, clip, processes=2))
    assert together == alone
    assert [pair.stem for pair in alone[0]] == sorted(pair.stem for pair in alone[0])
    assert {"truncated", "empty-caption", "unreadable-image"} <= {case.rule for case in alone[1]}


def test_a_process_that_dies_names_the_pair_and_the_others_are_checked(small_set, settings, clip, monkeypatch):
    def dies(path, *rest):
        if path.stem in ("lad_003", "lad_006"):
            os.kill(os.getpid(), signal.SIGKILL)  # as the system does where memory runs out
        return check_sprite(path, *rest)

    monkeypatch.setattr(pairs, "check_sprite", dies)  # the pool's processes are forks of this one
    monkeypatch.setattr(pairs, "FEW", 1)
    monkeypatch.setattr(pairs, "CHUNK", 2)
    checked, found, _ = everything(check_pairs(*both(small_set), settings, clip, processes=2))
    assert [pair.stem for pair in checked] == [f"lad_{number:03}" for number in range(8)]
    assert [(case.rule, case.file.rpartition("/")[2]) for case in found] == [
        ("unreadable-file", "lad_003.png"),
        ("unreadable-file", "lad_006.png"),
    ]
    assert sum(pair.digest is not None for pair in checked) == 6


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(*chunks, width=24, height=24):
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) + b"".join(chunks)
    )


PIXELS = chunk(b"IDAT", zlib.compress(b"\0" * (24 * (24 * 3 + 1)))) + chunk(b"IEND", b"")
BOMBS = {
    "pixels": png(PIXELS, width=2**31 - 1, height=2**31 - 1),
    "width": png(PIXELS, width=10_000_000, height=1),
    "text": png(chunk(b"zTXt", b"k\0\0" + zlib.compress(b"x" * 2**27)), PIXELS),
    "profile": png(chunk(b"iCCP", b"k\0\0" + zlib.compress(b"x" * 2**27)), PIXELS),
    "data": png(chunk(b"IDAT", zlib.compress(b"\0" * 2**27)), chunk(b"IEND", b"")),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_bombs_take_no_memory(small_set, settings, clip, bomb):
    """128 MiB of content in some hundred kilobytes: a finding or harmless, never unpacked in full."""
    small_set.write("lad_000", pixels=BOMBS[bomb])
    tracemalloc.start()
    _, found, _ = everything(check_pairs(*both(small_set), settings, clip))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert {case.rule for case in found} <= {"unreadable-image", "background"}
    assert peak < 2**26


@pytest.mark.parametrize("size", [(4096, 4096), (24, 24 * 40)])
def test_large_pictures(small_set, settings, clip, size):
    small_set.write("lad_000", pixels=np.zeros((*size, 3), dtype=np.uint8))
    _, found, _ = everything(check_pairs(*both(small_set), settings, clip))
    assert [case.rule for case in found] == ["off-grid"]
