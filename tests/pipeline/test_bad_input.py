"""A user's mistake: one clear message from `validate`, exit code not 0, no traceback, nothing trained or deleted."""

import re

import pytest
import yaml
from places import ROOT


def first(project, folder):
    return sorted((project.root / folder).iterdir())[0]


def missing_caption(project):
    first(project, "captions").unlink()


def corrupt_png(project):
    first(project, "data").write_bytes(b"\x89PNG\r\n\x1a\n broken")


def unknown_key(project):
    project.edit(train__network_dimm=8)


def odd_resolution(project):
    project.edit(package__resolution=512)


def no_base(project):
    project.edit(paths__base="models/not-there")


def folder_of_the_machine(project):
    project.edit(paths__data="/etc")


def place_of_git(project):
    project.edit(paths__captions=".git/info")


def no_gpu(project):
    project.edit(train__mixed_precision="fp16")


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        (missing_caption, ["missing-caption"]),
        pytest.param(corrupt_png, ["unreadable-image"], marks=pytest.mark.slow),
        pytest.param(unknown_key, ["network_dimm", "network_dim"], marks=pytest.mark.slow),
        pytest.param(odd_resolution, ["512", "24"], marks=pytest.mark.slow),
        (no_base, ["models/not-there"]),
        (folder_of_the_machine, ["paths.data", "absolute path", "ln -s"]),
        pytest.param(place_of_git, ["paths.captions", ".git/"], marks=pytest.mark.slow),
        pytest.param(no_gpu, ["mixed_precision: fp16 needs a CUDA GPU", "machine"], marks=pytest.mark.slow),
    ],
)
def test_the_first_stages_stop_the_pipeline_and_nothing_is_lost(project, mistake, said):
    tensors, pictures = project.tensors(), project.pictures()
    mistake(project)
    done = project.run("dvc", "repro", check=False)
    printed = done.stdout + done.stderr
    assert done.returncode != 0
    assert re.search("failed to reproduce '(code|validate)'", printed)
    for words in said:
        assert words in printed
    assert "Traceback" not in printed
    assert project.tensors() == tensors
    assert project.pictures() == pictures
    gone = project.run("git", "ls-files", "--deleted").stdout.split()
    assert set(gone) <= {"reports/plan.json", *(path for path in gone if path.startswith("captions"))}, (
        "validate drops its plan where the settings allow none"
    )


SPY = """
import socket
def refuse(self, address, *more):
    if self.family != socket.AF_UNIX:
        open({mark!r}, "a").write(str(address))
        raise OSError("the network was used")
socket.socket.connect = refuse
socket.getaddrinfo = lambda *more, **named: refuse(socket.socket(), more)
"""


@pytest.mark.slow
def test_an_address_is_contacted_by_no_command(project, tmp_path):
    mark = tmp_path / "contacted"
    (tmp_path / "sitecustomize.py").write_text(SPY.format(mark=str(mark)))
    for address in ("s3://bucket/x", "ssh://127.0.0.1/x"):
        project.edit(paths__data=address)
        project.run("dvc", "status", check=False, PYTHONPATH=str(tmp_path))
        done = project.run("dvc", "repro", check=False, PYTHONPATH=str(tmp_path))
        assert "`paths.data` is a network address" in done.stdout + done.stderr
        assert not mark.exists()


@pytest.mark.slow
def test_nothing_of_a_user_reaches_a_shell_unquoted(project):
    for stage in yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"].values():
        assert "${" not in stage["cmd"]
    (shell,) = re.findall(r"^        shell:\n((?:            .*\n)+)", (ROOT / "Snakefile").read_text(), re.MULTILINE)
    names = [name.removesuffix(":q") for name in re.findall(r"{([^}]*:q)}", shell)]
    assert names == ["params.epochs", "params.shard", "params.code", "log"]
    assert shell.count("{") == len(names)
    for config in ("epochs=1;touch X", "epochs=$(touch X)", "shards=1;touch X", "gpus=$(touch X)"):
        done = project.run("snakemake", "--cores", "1", "-n", "sample_epoch", "--config", config, check=False)
        assert "Traceback" not in done.stdout + done.stderr
        assert not (project.root / "X").exists()


def break_train(project):
    stage = project.root / "stages/train/__main__.py"
    source = stage.read_text()
    stage.write_text(re.sub(r"run_stage\(\w+\)", "run_stage(lambda: 1 / 0)", source))
    assert stage.read_text() != source


def test_a_later_stage_that_fails_says_how_to_bring_results_back(project):
    """DVC has deleted the stage's old outputs by then; they are in its cache."""
    tensors, page = project.tensors(), (project.root / "reports/report.html").read_bytes()
    break_train(project)
    project.edit(train__seed=7)
    done = project.run("dvc", "repro", check=False)
    printed = done.stdout + done.stderr
    assert done.returncode != 0
    assert "dvc checkout" in printed
    assert "git checkout -- reports" in printed
    assert not (project.root / "outputs/checkpoints").exists()

    project.run("git", "checkout", "--", "params.yaml", "stages", "dvc.lock", "reports")
    project.run("dvc", "checkout")
    assert project.tensors() == tensors
    assert (project.root / "reports/report.html").read_bytes() == page
    assert "up to date" in project.run("dvc", "status").stdout


def test_a_failed_first_run_leaves_nothing_for_git_to_add(fresh):
    """DVC rolls its own ignore lines back when a later stage fails (treeverse/dvc#11091)."""
    break_train(fresh)
    fresh.commit("break train")
    assert fresh.run("dvc", "repro", check=False).returncode != 0
    added = [line for line in fresh.run("git", "status", "--porcelain").stdout.splitlines() if "outputs" in line]
    assert added == []
