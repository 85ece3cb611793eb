"""YAML 1.2 as DVC reads and writes it, under bounds: text that people exchange cannot take memory or time at will."""

import re
from collections.abc import Iterator
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import AliasEvent
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

LONGEST = 1 << 20
"""Bytes of a text; a params.yaml has some ten thousand."""

DEEPEST = 20
"""Levels of a text; a params.yaml has four."""

QUOTED = 1000
"""Characters of a message; some quote a whole value."""

SURROGATES = re.compile("[\ud800-\udfff]")
"""What an escape can name and no text in UTF-8 can hold."""

Lines = dict[tuple[str, ...], int]
"""Line, from 1, of each key path."""


class _Bounded(Composer):
    """Nodes of a text without aliases, which can stand for gigabytes or for themselves, and of few levels."""

    _level = 0

    def compose_node(self, parent: Node | None, index: Any) -> Any:
        if self.parser.check_event(AliasEvent):
            event = self.parser.peek_event()
            raise YAMLError(f"line {event.start_mark.line + 1}: an alias (*{event.anchor}): write the value out")
        self._level += 1
        if self._level > DEEPEST:
            line = self.parser.peek_event().start_mark.line + 1
            raise YAMLError(f"line {line}: more than {DEEPEST} levels")
        node = super().compose_node(parent, index)
        self._level -= 1
        return node


def parse(text: str | bytes) -> Any:
    """A text's content: `no` is a word, 1e-4 a number, and a key that stands twice an error.

    `dvc exp run -S` writes params.yaml anew without the quotes that YAML 1.1 needs. Raises ruamel.yaml's YAMLError,
    also for aliases, deep nesting, and values that no Python type or no UTF-8 text can hold.
    """
    return parse_with_lines(text)[0]


def parse_with_lines(text: str | bytes) -> tuple[Any, Lines]:
    """`parse`, and where each key stands."""
    if len(text) > LONGEST:
        raise YAMLError(f"more than {LONGEST:,} bytes are not read")
    yaml = YAML(typ="safe", pure=True)
    yaml.Composer = _Bounded
    try:
        constructor, _ = yaml.get_constructor_parser(text if isinstance(text, str) else text.decode("utf-8"))
        node = constructor.composer.get_single_node()
        content = None if node is None else constructor.construct_document(node)
    except YAMLError as error:
        raise YAMLError(str(error)[:QUOTED]) from None
    except Exception as error:  # a tag whose text is no such value ends in any of Python's own
        raise YAMLError(f"{type(error).__name__}: {error}"[:QUOTED]) from None
    lines: Lines = {}
    _mark_lines(node, (), lines)
    for where, value in _values(content, ()):
        if wrong := _unusable(value):
            line = next((lines[where[:end]] for end in range(len(where), 0, -1) if where[:end] in lines), 1)
            raise YAMLError(f"line {line}: {wrong}")
    return content, lines


def _unusable(value: Any) -> str:
    """Why no file and no message can hold a value; empty where they can."""
    if isinstance(value, str) and SURROGATES.search(value):
        return f"{value[:80]!a} holds half a character, which UTF-8 cannot"
    if isinstance(value, int) and value.bit_length() > 64:
        return "a whole number of more than 64 bits"
    return ""


def _mark_lines(node: Node | None, where: tuple[str, ...], lines: Lines) -> None:
    if isinstance(node, MappingNode):
        for key, value in node.value:
            lines[(*where, str(key.value))] = key.start_mark.line + 1
            _mark_lines(value, (*where, str(key.value)), lines)
    elif isinstance(node, SequenceNode):
        for index, value in enumerate(node.value):
            lines[(*where, str(index))] = value.start_mark.line + 1
            _mark_lines(value, (*where, str(index)), lines)


def _values(content: Any, where: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every value in a content, keys too, with the key path where it stands."""
    if isinstance(content, dict):
        for key, value in content.items():
            yield from _values(key, where)
            yield from _values(value, (*where, key if isinstance(key, str) else ""))
    elif isinstance(content, list | tuple | set | frozenset):
        for index, value in enumerate(content):
            yield from _values(value, (*where, str(index)))
    else:
        yield where, content
