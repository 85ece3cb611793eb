"""A stage that is stopped in its middle: nothing outside of its outs has changed, and no half file has a final name."""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

STOPPER = Path(__file__).parent / "stopper"

STAGES = {
    "code": ("tools.code", 3), "validate": ("stages.validate", 2), "package": ("stages.package", 9),
    "train": ("stages.train", 2), "sample": ("stages.sample", 3), "score": ("stages.score", 2),
    "select": ("stages.select", 3), "finish": ("stages.finish", 4), "report": ("stages.report", 1),
}  # fmt: skip
"""Stage to its module, and the file, counted from 1, that it is stopped at."""

OWN = ("state", "logs", ".snakemake", ".dvc/tmp")
"""What a stage resumes from and its logs: no outs, and not the user's."""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, where this user may mount one; else a folder."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400m", "none", place], capture_output=True)
    yield place
    if mounted.returncode == 0:
        while place.is_mount():  # once more where the test made it read-only
            subprocess.run(["umount", "-l", place], check=True)


def outs(root: Path, stage: str) -> list[str]:
    described = yaml.safe_load((root / "dvc.yaml").read_text())["stages"][stage]
    listed = [*described.get("outs", []), *described.get("metrics", [])]
    return [out if isinstance(out, str) else next(iter(out)) for out in listed]


def hashes(root: Path, but: list[str]) -> dict[str, str]:
    """Every file's path to its hash, a link's to where it leads."""
    found = {}
    for here, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name != "__pycache__"]
        for path in (Path(here) / name for name in [*names, *(f for f in folders if (Path(here) / f).is_symlink())]):
            name = path.relative_to(root).as_posix()
            if not any(name == out or name.startswith(f"{out}/") for out in but):
                content = os.readlink(path).encode() if path.is_symlink() else path.read_bytes()  # noqa: PTH115
                found[name] = hashlib.sha256(content).hexdigest()
    return found


def clear(root: Path, out: str) -> None:
    """As DVC clears it before it runs the stage."""
    path = root / out
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def stopped(short_run, place: Path, stage: str, way: str) -> None:
    if way != "kill" and not place.is_mount():
        pytest.skip("no right to mount a disk that fills up or becomes read-only")
    root = place / "project"
    shutil.copytree(short_run.root, root, symlinks=True, ignore=shutil.ignore_patterns("cache", "trace"))
    project, mine = type(short_run)(root), outs(root, stage)
    complete = {out: hashes(root / out, []) if (root / out).is_dir() else hashes(root, []) for out in mine}
    for out in [*mine, "state/train"]:
        clear(root, out)
    (root / "state").mkdir(exist_ok=True)
    before = hashes(root, [*mine, *OWN])
    command = yaml.safe_load((root / "dvc.yaml").read_text())["stages"][stage]["cmd"].split()
    module, at = STAGES[stage]
    done = project.run(
        *command, check=False, PYTHONPATH=str(STOPPER), STOP_BY=way, STOP_STAGE=module, STOP_AT=str(at),
        STOP_ROOT=str(place if way == "read-only" else root),
    )  # fmt: skip
    printed = done.stdout + done.stderr
    assert done.returncode != 0, f"it was not stopped: {printed}"
    after = hashes(root, [*mine, *OWN])
    on_the_way = {name for name in after.keys() - before.keys() if way != "full disk" and is_on_the_way(name, mine)}
    assert {name: digest for name, digest in after.items() if name not in on_the_way} == before
    if on_the_way and way == "kill":
        assert set(project.run("git", "check-ignore", *on_the_way).stdout.split()) == on_the_way
    for out in mine:
        for name, digest in left_of(root, out).items():
            if out != "reports/train":  # dvclive adds a line per step
                assert complete[out][name] == digest, f"{out}/{name} is half"
    if way != "kill" and stage != "sample":  # Snakemake says more
        assert "Traceback" not in printed, printed
        assert printed.count("error: ") == 1, printed


def is_on_the_way(name: str, outs: list[str]) -> bool:
    """Whether it is the file that was to get an out's name: nobody is left to remove it, or it can't be removed."""
    return any(name.startswith(f"{Path(out).parent}/.{Path(out).name}.") for out in outs)


def left_of(root: Path, out: str) -> dict[str, str]:
    """Files of an out by their final names; those that begin with a dot are on the way to one."""
    if (root / out).is_dir():
        found = hashes(root / out, [])
        return {name: digest for name, digest in found.items() if not Path(name).name.startswith(".")}
    return {out: hashes(root, [])[out]} if (root / out).exists() else {}


@pytest.mark.slow
@pytest.mark.parametrize("way", ["kill", "full disk", "read-only"])
@pytest.mark.parametrize("stage", STAGES)
def test_nothing_but_its_outs_changes(short_run, place, stage, way):
    stopped(short_run, place, stage, way)


def test_nothing_but_the_outs_of_select_changes_on_a_full_disk(short_run, place):
    stopped(short_run, place, "select", "full disk")
