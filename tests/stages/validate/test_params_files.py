"""Whatever params.yaml holds, the settings check ends in findings or in one message, soon."""

import json
import time

import pytest
import yaml
from fuzzing import examples
from hypothesis import given
from params_files import GOOD, files

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.params import FILE, Paths, load, read
from stages.validate.settings import SECTIONS, Settings, check_fit

SOON = 5
"""Seconds of this process; most files take some thousandths."""


def settle(folder, data):
    """Findings of the settings check, or its one message."""
    (folder / FILE).write_bytes(data)
    started = time.process_time()
    try:
        settings = Settings(*read())
        said = [f"{finding.file}: {finding.message}" for finding in [*settings.found, *check_fit(settings)]]
        assert all(settings.section(section) is not None for section in SECTIONS) or said
    except SpriteLoraError as error:
        said = [str(error)]
    assert time.process_time() - started < SOON
    return said


@examples(150, 100_000)
@given(files())
def test_any_file_ends_in_findings_or_one_message(tmp_path, monkeypatch, data):
    monkeypatch.chdir(tmp_path)
    said = settle(tmp_path, data)
    json.dumps(said, ensure_ascii=False).encode()
    assert all(len(message) < 10_000 for message in said)
    assert not any("Traceback" in message for message in said)


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BOMB, "line 2: an alias (*a): write the value out"),
        ("train: &t\n  kohya_args: *t\n", "an alias (*t)"),
        ("train: " + "[" * 100_000, "more than 20 levels"),
        ("- " * 100_000, "more than 20 levels"),
        ('report:\n  title: "\\ud800"\n', "line 2: '\\ud800' holds half a character"),
        ("train:\n  seed: 0x" + "f" * 5000, "line 2: a whole number of more than 64 bits"),
        ("train:\n  seed: " + "1" * 5000, "ValueError: Exceeds the limit"),
        ("train:\n  seed: !!timestamp 2001-99-99\n", "month must be in 1..12"),
        ("#" * 2_000_000, "more than 1,048,576 bytes are not read"),
        ("null", "holds no sections"),
        ("", "holds no sections"),
    ],
)
def test_a_text_that_is_out_of_bounds(tmp_path, monkeypatch, text, said):
    monkeypatch.chdir(tmp_path)
    (message,) = settle(tmp_path, text.encode())
    assert said in message


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.key)
def test_a_section_that_is_null(tmp_path, monkeypatch, section):
    monkeypatch.chdir(tmp_path)
    said = settle(tmp_path, yaml.safe_dump({**GOOD, section.key: None}).encode())
    assert said
    with pytest.raises(SpriteLoraError, match="is missing"):
        load(section)


def test_numbers_that_are_none_are_refused_everywhere(tmp_path, monkeypatch):
    """Every key that takes a number."""
    monkeypatch.chdir(tmp_path)
    numbers = [(section, key) for section in GOOD for key, value in GOOD[section].items() if type(value) is float]
    assert len(numbers) > 15
    for section, key in [*numbers, ("score", "lost")]:
        for wrong in (float("nan"), float("inf"), float("-inf")):
            held = {"residual": wrong} if key == "lost" else wrong
            said = settle(tmp_path, yaml.safe_dump({**GOOD, section: {**GOOD[section], key: held}}).encode())
            assert any(f"{section}.{key}" in message for message in said), (section, key, wrong, said)


def test_values_are_judged_as_the_stages_read_them(tmp_path, monkeypatch):
    """`no` is a word in YAML 1.2, and a key that is left out has its default: also beside another mistake."""
    monkeypatch.chdir(tmp_path)
    for wrong in ({}, {"network_dimm": 1}):
        for given_, read_as in (({"shuffle_caption": "no"}, False), ({"shuffle_caption": "yes"}, True), ({}, False)):
            train = {key: value for key, value in GOOD["train"].items() if key != "shuffle_caption"}
            (tmp_path / FILE).write_text(yaml.safe_dump({**GOOD, "train": {**train, **given_, **wrong}}))
            settings = Settings(*read())
            assert settings.value("train", "shuffle_caption") is read_as
            assert bool(settings.found) == bool(wrong)


HOSTILE = [
    ("/etc", "is an absolute path"),
    ("~/sprites", "is an absolute path"),
    ("../victim", "leads out of its folder"),
    ("data/../../victim", "leads out of its folder"),
    ("s3://bucket/x", "is a network address"),
    ("https://example.org/x", "is a network address"),
    ("remote://r/x", "is a network address"),
    (".", "is the project itself"),
    ("", "is the project itself"),
    ("outputs", "lies in outputs/"),
    ("Outputs/dataset", "lies in Outputs/"),
    ("reports/train", "lies in reports/"),
    ("state/train", "lies in state/"),
    (".git/objects", "lies in .git/"),
    (".dvc/cache", "lies in .dvc/"),
    ("./logs", "lies in logs/"),
    ("a{b}", "holds a sign"),
    ("${train.seed}", "holds a sign"),
    ("a\nb", "holds a sign"),
    ("a\x1b[31m", "holds a sign"),
    ("a" * 256, "has a name of more than 255 bytes"),
    ("ü" * 128, "has a name of more than 255 bytes"),
    ("a/" * 3000, "has a name of more than 255 bytes"),
]


@pytest.mark.parametrize(("path", "said"), HOSTILE)
def test_places_of_inputs_that_are_refused(tmp_path, monkeypatch, path, said):
    """By the gate with the key's line, by each stage by itself; the message repeats no folder of the machine."""
    monkeypatch.chdir(tmp_path)
    for key in ("data", "captions", "regularisation", "base", "vae", "network_weights"):
        text = yaml.safe_dump({**GOOD, "paths": {**GOOD["paths"], key: path}}, sort_keys=False)
        (message,) = settle(tmp_path, text.encode())
        line = next(number for number, line in enumerate(text.splitlines(), 1) if line.startswith(f"  {key}:"))
        assert message.startswith(f"params.yaml:{line}: `paths.{key}` {said}")
        with pytest.raises(SpriteLoraError, match=f"paths.{key}"):
            load(Paths)


@pytest.mark.parametrize(
    ("changes", "key", "said"),
    [
        ({"captions": "data"}, "captions", "is the same as paths.data"),
        ({"captions": "data/captions"}, "captions", "lies in paths.data"),
        ({"data": "models"}, "base", "lies in paths.data"),
        ({"base": "models/nano/../nano"}, "base", "leads out of its folder"),
        ({"base": "there/nano", "regularisation": "there"}, "base", "lies in paths.regularisation"),
        ({"captions": "link"}, "captions", "is the same as paths.data"),
        ({"data": "results"}, "data", "shares files with outputs/"),
        ({"data": "whole"}, "data", "holds the whole project"),
        ({"data": "above"}, "data", "holds the whole project"),
        ({"caches": "caches"}, "caches", "must lie in state/"),
        ({"caches": "/var/tmp"}, "caches", "must lie in state/"),
        ({"caches": "state"}, "caches", "must lie in state/"),
        ({"caches": "state/../data"}, "caches", "leads out of its folder"),
        ({"caches": "state/train/x"}, "caches", "shares files with state/train/"),
        ({"caches": "state/mine"}, "caches", "is the same as paths.data"),
    ],
)
def test_inputs_lie_apart(tmp_path, monkeypatch, changes, key, said):
    """From each other, from the project, from what is written; through links too."""
    monkeypatch.chdir(tmp_path)
    for folder in ("data", "outputs/dataset", "state"):
        (tmp_path / folder).mkdir(parents=True)
    links = {"link": "data", "results": "outputs/dataset", "whole": ".", "above": "..", "state/mine": "../data"}
    for name, target in links.items():
        (tmp_path / name).symlink_to(target)
    said_of = settle(tmp_path, yaml.safe_dump({**GOOD, "paths": {**GOOD["paths"], **changes}}).encode())
    assert any(f"`paths.{key}` {said}" in message for message in said_of), said_of
    with pytest.raises(SpriteLoraError, match="paths"):
        load(Paths)


def test_a_link_out_of_the_project_is_its_users_own_act(tmp_path, monkeypatch):
    elsewhere, project = tmp_path / "elsewhere", tmp_path / "project"
    for folder in (elsewhere / "sd15", elsewhere / "room", project / "models", project / "state"):
        folder.mkdir(parents=True)
    (project / "models/sd15").symlink_to(elsewhere / "sd15")
    (project / "state/caches").symlink_to(elsewhere / "room")
    monkeypatch.chdir(project)
    assert settle(project, yaml.safe_dump({**GOOD, "paths": {**GOOD["paths"], "base": "models/sd15"}}).encode()) == []
