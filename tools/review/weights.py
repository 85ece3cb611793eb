"""Fitted weights in words, and in params.yaml."""

from pathlib import Path

from ruamel.yaml.nodes import MappingNode, Node

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.files import read_bounded, write_text
from sprite_lora.core.params import FILE
from sprite_lora.core.yaml_text import LONGEST, parse
from tools.preset.edit import compose
from tools.review.fit import Fit, Weights


def words(fit: Fit) -> str:
    """The weights beside today's, and what they are worth."""
    lines = [f"{'score.lost':12} today  fitted"]
    lines += [f"{name:12} {fit.today[name]:5.2f}  {weight:6.2f}" for name, weight in fit.fitted.items()]
    lines += [
        "",
        f"On prompts left out of the fit, the score prefers what people prefer in {fit.after} of {fit.pairs} pairs "
        f"({fit.after / fit.pairs:.0%}); with today's weights in {fit.before} ({fit.before / fit.pairs:.0%}).",
        f"{fit.gained} pairs gained, {fit.lost} lost: "
        + (
            f"chance alone does so in {fit.chance:.0%} of the cases."
            if fit.better
            else "these weights predict people no better than today's. Keep those."
        ),
    ]
    return "\n".join(lines)


def write_weights(weights: Weights, file: Path = FILE) -> None:
    """Put the weights into score.lost of params.yaml; every other byte stays, comments too.

    Raises SpriteLoraError where the file has no such section over several lines.
    """
    text = read_bounded(file, LONGEST).decode()
    expected = parse(text)
    lost = _inside(_inside(compose(text), "score"), "lost")
    if not isinstance(lost, MappingNode) or lost.flow_style or not lost.value:
        raise SpriteLoraError(
            f"{file} has no section score.lost with a line for each weight", "take it from: git show HEAD:params.yaml"
        )
    column = " " * lost.value[0][0].start_mark.column
    there = {name.value: value for name, value in lost.value}
    patches = [
        (there[name].start_mark.index, there[name].end_mark.index, f"{weight:g}")
        for name, weight in weights.items()
        if name in there
    ]
    missing = "".join(f"{column}{name}: {weight:g}\n" for name, weight in weights.items() if name not in there)
    start = text.rfind("\n", 0, lost.value[0][0].start_mark.index) + 1
    for begin, end, new in sorted([*patches, (start, start, missing)], reverse=True):
        text = text[:begin] + new + text[end:]
    expected["score"]["lost"] |= weights
    assert parse(text) == expected, "a weight could not be changed by itself"
    write_text(file, text)


def _inside(node: Node | None, key: str) -> Node | None:
    pairs = node.value if isinstance(node, MappingNode) else []
    return next((value for name, value in pairs if name.value == key), None)
