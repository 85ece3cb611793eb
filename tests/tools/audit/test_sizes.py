"""Sizes against the architectures: sums are built up here from the public configurations, block by block."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sprite_lora.bases.registry import REGISTRY, load_family
from tools.audit.sizes import MIB, exact, fitting, parse_size, tensor_bytes

Pair = tuple[int, int]


def transformer(width: int, text: int, depth: int) -> Iterator[Pair]:
    """(inputs, outputs) of the modules that kohya adapts in one Transformer2DModel."""
    yield from [(width, width)] * 2  # proj_in, proj_out
    for _ in range(depth):
        yield from [(width, width)] * 4  # attention to itself: q, k, v, out
        yield from [(width, width), (text, width), (text, width), (width, width)]  # to the text
        yield from [(width, 8 * width), (4 * width, width)]  # gated feed-forward


def unet(text: int, levels: list[tuple[int, int]], middle: tuple[int, int]) -> list[Pair]:
    """Two transformers on the way down and three on the way up at each (width, depth), one in the middle."""
    places = [level for level in levels for _ in range(5)] + [middle]
    return [pair for width, depth in places for pair in transformer(width, text, depth)]


def clip(width: int, layers: int) -> list[Pair]:
    """q, k, v, out, fc1, fc2 of each layer."""
    return layers * ([(width, width)] * 4 + [(width, 4 * width), (4 * width, width)])


SD_LEVELS = [(320, 1), (640, 1), (1280, 1)]
ARCHITECTURES = {
    "sd_v1": (unet(768, SD_LEVELS, (1280, 1)), clip(768, 12)),
    "sd_v2": (unet(1024, SD_LEVELS, (1280, 1)), clip(1024, 23)),
    "sdxl_base_v1-0": (unet(2048, [(640, 2), (1280, 10)], (1280, 10)), clip(768, 12) + clip(1280, 32)),
}


@pytest.mark.parametrize("family", REGISTRY)
def test_sums_are_those_of_the_architecture(family: str) -> None:
    for modules, (features, count) in zip(ARCHITECTURES[family], load_family(family).adapted, strict=True):
        assert len(modules) == count
        assert sum(inputs + outputs for inputs, outputs in modules) == features


def test_bytes_are_those_that_sd_scripts_wrote(kohya_files: Path) -> None:
    from sprite_lora.core.header import read_header

    for name, rank, bits in (("no_save_precision", 2, 32), ("sd15_perfect", 1, 16)):
        header = read_header(kohya_files / f"{name}.safetensors")
        assert header.size - header.data_start == tensor_bytes("sd_v1", rank, bits, True)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ("36M", {("sd_v1", 32, 16), ("sd_v1", 16, 32)}),
        ("72M", {("sd_v1", 64, 16), ("sd_v1", 32, 32)}),
        ("218M", {("sdxl_base_v1-0", 32, 16), ("sdxl_base_v1-0", 16, 32)}),
        ("435M", {("sdxl_base_v1-0", 64, 16), ("sdxl_base_v1-0", 32, 32)}),
        ("1.7G", {("sdxl_base_v1-0", 256, 16), ("sdxl_base_v1-0", 128, 32)}),
        ("75615416", {("sd_v1", 64, 16), ("sd_v1", 32, 32)}),
        ("7T", set()),
    ],
)
def test_every_combination_that_fits(size: str, expected: set[tuple[str, int, int]]) -> None:
    parsed = parse_size(size)
    assert parsed is not None
    assert {(fit.family, fit.rank, fit.bits) for fit in fitting(parsed) if fit.text_encoders} == expected


def test_u_net_alone_is_among_them() -> None:
    size = exact(tensor_bytes("sd_v1", 32, 16, False) + 60_000)
    assert [(fit.rank, fit.bits, fit.text_encoders) for fit in fitting(size)] == [(16, 32, False), (32, 16, False)]


@pytest.mark.parametrize(("text", "true_size"), [("36M", 36.4 * MIB), ("37M", 36.4 * MIB), ("1.7G", 1739.8 * MIB)])
def test_a_rounded_size_stands_for_what_rounds_to_it(text: str, true_size: float) -> None:
    size = parse_size(text)
    assert size is not None
    assert size.low <= true_size <= size.high


@pytest.mark.parametrize("text", ["", "big", "36 apples", "-3M"])
def test_no_size(text: str) -> None:
    assert parse_size(text) is None
