"""What engines are told. A real podman: tests/pipeline/runners/test_container.py."""

import os
from pathlib import Path

import pytest

from sprite_lora.core.errors import SpriteLoraError
from tools.run import container
from tools.run.container import run_in_container
from tools.run.runners import ContainerRunner
from tools.run.task import Task

TASK = Task("train", "python -m stages.train", (Path("models/sd15"),), (), "none")


@pytest.fixture
def project(tmp_path, monkeypatch):
    """The current folder, with a base model behind a link, a cache and a secret in the environment."""
    here, base, cache = tmp_path / "my project", tmp_path / "disk/sd15", tmp_path / "hf"
    for folder in (here / "models", base, cache):
        folder.mkdir(parents=True)
    (here / "models/sd15").symlink_to(base)
    monkeypatch.chdir(here)
    monkeypatch.setenv("HF_HOME", str(cache))
    monkeypatch.setenv("HF_TOKEN", "very secret")
    return here


def told(runner):
    return container.container(runner, TASK)


@pytest.mark.parametrize(
    ("engine", "number", "expected"),
    [("docker", 1000, ["--user=1000:1000"]), ("podman", 1000, ["--user=1000:1000", "--userns=keep-id"]),
     ("podman", 0, ["--user=0:0"])],
)  # fmt: skip
def test_files_come_out_as_the_users(project, monkeypatch, engine, number, expected):
    monkeypatch.setattr(os, "getuid", lambda: number)
    monkeypatch.setattr(os, "getgid", lambda: number)
    command = told(ContainerRunner(kind="container", engine=engine))
    assert [word for word in command if word.startswith("--user")] == expected


def test_command_line_shows_no_value_that_comes_in_from_here(project):
    command = told(ContainerRunner(kind="container", pass_env=("HF_TOKEN", "NOT_SET"), env={"A": "1"}))
    assert {"--env=HF_TOKEN", "--env=A=1", f"--env=PYTHONPATH={project}"} < set(command)
    assert "NOT_SET" not in " ".join(command)
    assert "very secret" not in " ".join(command)


def test_links_caches_and_further_folders_are_mounted_at_their_own_places(project, tmp_path):
    command = told(ContainerRunner(kind="container", mounts=("/disk/more",)))
    places = (project, tmp_path / "hf", tmp_path / "disk/sd15", Path("/disk/more"))
    assert [word for word in command if word.startswith("--mount")] == [
        f"--mount=type=bind,source={place},target={place}" for place in places
    ]
    assert f"--workdir={project}" in command


def test_options_come_last_before_the_image_so_that_they_win(project):
    command = told(ContainerRunner(kind="container", options=("--gpus=all", "--user=0:0"), image="mine"))
    image = command.index("mine")
    assert command[image - 2 : image] == ["--gpus=all", "--user=0:0"]


def test_apptainer_gets_its_environment_by_its_own_names(project, tmp_path, monkeypatch):
    """A stand-in that writes down what it gets, and runs the command: no apptainer was to be had to try it."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "apptainer").write_text(
        f'#!/bin/sh\necho "$*" >{tmp_path}/told\nenv >{tmp_path}/env\n'
        'while [ "$1" != sprite-lora.sif ]; do shift; done\nshift\nexec "$@"\n'
    )
    (programs / "apptainer").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    runner = ContainerRunner(
        kind="container", engine="apptainer", image="sprite-lora.sif", options=("--nv",), pass_env=("HF_TOKEN",)
    )
    task = Task("train", "exit 7", (), (), "none")
    assert run_in_container("here", runner, task) == 7
    said, environment = (tmp_path / "told").read_text(), (tmp_path / "env").read_text().splitlines()
    assert said.startswith(f"exec --cleanenv --no-home --pwd={project} --bind={project} --bind={tmp_path}/hf --nv")
    assert "APPTAINERENV_HF_TOKEN=very secret" in environment
    assert "very secret" not in said


def test_engine_that_is_not_installed_is_said(project, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SpriteLoraError, match="here: podman is not installed here"):
        run_in_container("here", ContainerRunner(kind="container", engine="podman"), TASK)
