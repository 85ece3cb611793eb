"""Loss and learning rates of each step, out of the event files that sd-scripts' logger writes.

Layout of a file (tensorflow/core/lib/io/record_writer.h): records of an 8-byte length, its CRC, the data, its CRC. The
data is an `Event` of tensorflow/core/util/event.proto: field 2 the step, field 5 a summary, whose field 1 is a value
with its tag in field 1 and a 32-bit float in field 2.
"""

import re
import struct
from collections.abc import Iterator
from pathlib import Path

LOSS = "loss/current"

GROUP = re.compile(r"lr/((d\*lr/)?group\d+|d\*lr)")
"""Rates under a number or none, which v0.10.1 logs beside those under a name (`generate_step_logs`)."""

Scalar = tuple[int, str, float]


def scalars(content: bytes) -> tuple[list[Scalar], int]:
    """(step, tag, value) of every whole record from the start of `content`, and how many bytes they take."""
    found: list[Scalar] = []
    at = 0
    while at + 12 <= len(content):
        (length,) = struct.unpack_from("<Q", content, at)
        end = at + 12 + length + 4
        if end > len(content):
            break
        found += _event(content[at + 12 : end - 4])
        at = end
    return found, at


def _event(data: bytes) -> list[Scalar]:
    fields = list(_fields(data))
    step = next((value for number, value in fields if number == 2 and isinstance(value, int)), 0)
    found: list[Scalar] = []
    for number, summary in fields:
        if number == 5 and isinstance(summary, bytes):
            for inner, value in _fields(summary):
                if inner == 1 and isinstance(value, bytes):
                    found += _value(step, dict(_fields(value)))
    return found


def _value(step: int, fields: dict[int, int | bytes]) -> list[Scalar]:
    tag, number = fields.get(1), fields.get(2)
    if not isinstance(tag, bytes) or not isinstance(number, bytes) or len(number) != 4:
        return []
    return [(step, tag.decode(), float(f"{struct.unpack('<f', number)[0]:.7g}"))]  # a 32-bit float has seven digits


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(field number, value) of a protobuf message: whole numbers, and bytes of everything else."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield key >> 3, value
            continue
        if kind == 2:
            size, at = _varint(data, at)
        else:
            size = {1: 8, 5: 4}[kind]
        yield key >> 3, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        at += 1
        if not data[at - 1] & 0x80:
            return value, at
        shift += 7


class Steps:
    """Rows of the optimizer's steps out of the loss of each batch.

    sd-scripts logs after each batch under the number of done steps, so the batches that a step gathers end with the one
    under a new number.
    """

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []
        self._losses: list[float] = []
        self._step = 0
        self._open: dict[str, float] | None = None

    def add(self, found: list[Scalar]) -> None:
        """Go on with what the file holds now. A row is complete when the next batch begins."""
        for step, tag, value in found:
            if tag == LOSS:
                self.end()
                self._losses.append(value)
                if step > self._step:
                    self._step = step
                    self._open = {"loss": sum(self._losses) / len(self._losses)}
                    self._losses = []
            elif self._open is not None and tag.startswith("lr/") and not GROUP.fullmatch(tag):
                self._open[tag.replace(" ", "_")] = value

    def end(self) -> None:
        """The row that is open is complete."""
        if self._open is not None:
            named = {tag: rate for tag, rate in self._open.items() if not tag.startswith("lr/d*lr/")}
            scaled = {tag.replace("d*lr/", ""): rate for tag, rate in self._open.items() if tag.startswith("lr/d*lr/")}
            self.rows.append({**named, **scaled})
            self._open = None


class Follower:
    """Reads the event files of one attempt as they grow."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._steps = Steps()
        self._read: dict[Path, int] = {}

    def rows(self) -> list[dict[str, float]]:
        """The rows of all steps that are complete so far."""
        for path in sorted(self._folder.rglob("events.out.tfevents.*")):
            at = self._read.get(path, 0)
            with path.open("rb") as file:
                file.seek(at)
                found, used = scalars(file.read())
            self._read[path] = at + used
            self._steps.add(found)
        return self._steps.rows

    def end(self) -> list[dict[str, float]]:
        """The rows of all steps, the last one too: nothing more will be written."""
        self.rows()
        self._steps.end()
        return self._steps.rows
