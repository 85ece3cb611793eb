"""Values of params.yaml changed in its text: every other byte stays, comments, quotes, order and line ends too."""

import json
from dataclasses import dataclass
from typing import Any

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode

from sprite_lora.core.yaml_text import parse


@dataclass(frozen=True)
class Setting:
    """What a key of params.yaml shall be."""

    value: Any
    text: str
    """The value in YAML, on one line."""
    comment: str = ""
    """What stands behind the key where it is not in the file yet."""


Overlay = dict[str, dict[str, Setting]]
"""Section to key to setting."""


@dataclass(frozen=True)
class Change:
    """One key's old and new value, as YAML."""

    key: str
    """`train.network_dim`."""
    old: str
    """Empty where the key is not in the file."""
    new: str


def written(value: Any) -> str:
    """A value as YAML on one line, which YAML 1.1 and 1.2 read alike."""
    plain = list(value) if isinstance(value, tuple) else value
    text = yaml.safe_dump(plain, default_flow_style=True, width=float("inf"), allow_unicode=True, sort_keys=False)
    text = text.removesuffix("\n").removesuffix("\n...")
    if "\n" in text or not same(parse(text), plain):  # such as the text 1e-4, which is a number in YAML 1.2 alone
        text = json.dumps(plain, ensure_ascii=False)
    return text


def same(one: Any, other: Any) -> bool:
    """Whether two values mean the same: 32 and 32.0 do, 1 and true do not."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def compose(text: str) -> Node:
    """The nodes of a YAML 1.2 text, with their places in it. Raises ruamel.yaml's YAMLError."""
    node: Node = YAML(typ="safe", pure=True).compose(text)
    return node


def edited(text: str, overlay: Overlay) -> tuple[str, list[Change]]:
    """The text with every setting of `overlay`, and what that changed.

    `text` must hold every section as a mapping. Raises YAMLError as `parse` does, for aliases among it.
    """
    root = compose(text)
    content, expected = parse(text), parse(text)
    patches: list[tuple[int, int, str]] = []
    changes: list[Change] = []
    for section, settings in overlay.items():
        node = _mapping(root, section)
        for key, setting in settings.items():
            held = content[section]
            if key in held and same(held[key], setting.value):
                continue
            expected[section][key] = setting.value
            patches.append(_patch(text, node, key, setting, list(settings)))
            changes.append(Change(f"{section}.{key}", _shown(text, node, key, held), setting.text))
    # From the last to the first; of several at one place, the last is put in first and so stands last.
    patches.reverse()
    for start, end, new in sorted(patches, key=lambda patch: -patch[0]):
        text = text[:start] + new + text[end:]
    assert same(parse(text), expected), "a value could not be changed by itself"
    return text, changes


def _patch(text: str, section: MappingNode, key: str, setting: Setting, order: list[str]) -> tuple[int, int, str]:
    """Start, end and new text of one place."""
    for name, value in section.value:
        if name.value == key:
            return _replaced(text, name, value, setting.text)
    newline = "\r\n" if "\r\n" in text else "\n"
    there = {name.value: (name, value) for name, value in section.value}
    if section.flow_style:
        start = section.start_mark.index + 1
        return start, start, f"{key}: {setting.text}" + ", " * bool(there)
    column = " " * section.value[0][0].start_mark.column
    line = f"{column}{key}: {setting.text}" + f"  # {setting.comment}" * bool(setting.comment)
    before = [name for name in order[: order.index(key)] if name in there]
    if not before:
        start = text.rfind("\n", 0, section.value[0][0].start_mark.index) + 1
        return start, start, line + newline
    end = _end(text, *there[before[-1]])
    start = text.find("\n", end) + 1
    return (start, start, line + newline) if start else (len(text), len(text), newline + line)


def _replaced(text: str, name: Node, value: Node, new: str) -> tuple[int, int, str]:
    start, end = value.start_mark.index, _end(text, name, value)
    if value.start_mark.index == value.end_mark.index:  # `key:` without a value
        start = end = text.index(":", name.end_mark.index) + 1
        new = f" {new}"
    elif isinstance(value, CollectionNode) and not value.flow_style:  # a list over several lines
        start, new = name.end_mark.index, f": {new}"
    # A comment behind the value stays in its column where there is room.
    rest = text[end:].split("\n", 1)[0]
    spaces = len(rest) - len(rest.lstrip(" "))
    if not rest[spaces:].startswith("#"):
        return start, end, new
    return start, end + spaces, new + " " * max(1, spaces - len(new) + (end - start))


def _shown(text: str, section: MappingNode, key: str, held: dict[str, Any]) -> str:
    """A key's value as the file has it, on one line; empty where the key is not there."""
    node = next((value for name, value in section.value if name.value == key), None)
    if node is None:
        return ""
    own = text[node.start_mark.index : node.end_mark.index]
    return own if isinstance(node, ScalarNode) and own and "\n" not in own else written(held[key])


def _end(text: str, name: Node, value: Node) -> int:
    """Where a value's own text ends. A list's node ends only where the next thing begins."""
    if isinstance(value, CollectionNode) and not value.flow_style and value.value:
        last = value.value[-1]
        return _end(text, *last) if isinstance(last, tuple) else _end(text, last, last)
    start, end = value.start_mark.index, value.end_mark.index
    return int(start + len(text[start:end].rstrip()) if start < end else name.end_mark.index)


def _mapping(root: Node, key: str) -> MappingNode:
    found: MappingNode = next(value for name, value in root.value if name.value == key)
    return found
