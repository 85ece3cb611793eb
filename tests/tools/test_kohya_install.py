"""`sprite-lora kohya install` from a repository on disk. uv is a stand-in that notes its orders: CI fetches nothing."""

import subprocess

import pytest
from click.testing import CliRunner

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.kohya import sd_scripts
from tools.kohya.command import command


def git(folder, *arguments):
    who = ("-c", "user.name=t", "-c", "user.email=t@example.invalid")
    done = subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def source(tmp_path, monkeypatch):
    """A repository whose tag v0.10.1 is the pinned one."""
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "train_network.py").write_text("")
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "start")
    git(folder, "tag", "v0.10.1")
    monkeypatch.setitem(sd_scripts.COMMITS, "v0.10.1", git(folder, "rev-parse", "HEAD"))
    return folder


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """What uv is asked, a line each; it makes the environment's python."""
    tools = tmp_path / "bin"
    tools.mkdir()
    log = tmp_path / "uv.log"
    for_venv = 'for last; do :; done; mkdir -p "$last/bin"; touch "$last/bin/python"'
    (tools / "uv").write_text(f'#!/bin/sh\necho "$*" >> {log}\n[ "$1" = venv ] && {{ {for_venv}; }}\nexit 0\n')
    (tools / "uv").chmod(0o755)
    monkeypatch.setenv("PATH", str(tools), prepend=":")
    return lambda: log.read_text().splitlines()


def install(*arguments):
    return CliRunner().invoke(command, ["install", *map(str, arguments)], catch_exceptions=False)


def test_it_clones_the_pinned_tag_and_makes_the_environment(source, asked, tmp_path, monkeypatch):
    into = tmp_path / "here"
    done = install("--source", source, "--into", into, "--", "--index-url", "https://example.invalid/simple")
    assert f"export SPRITE_LORA_SD_SCRIPTS={into}" in done.output
    assert git(into, "rev-parse", "HEAD") == sd_scripts.COMMITS["v0.10.1"]
    venv, packages = asked()
    assert venv.startswith("venv")
    assert venv.endswith(str(into / ".venv"))
    assert packages.endswith("requirements.txt --index-url https://example.invalid/simple")
    monkeypatch.setenv("SPRITE_LORA_SD_SCRIPTS", str(into))
    again = install("--source", source)
    assert "is ready in" in again.output
    assert "export" not in again.output
    assert len(asked()) == 3, "what is there stays, packages are looked at again"


def test_a_tag_that_was_moved_is_refused(source, asked, tmp_path):
    (source / "more").write_text("")
    git(source, "add", "-A")
    git(source, "commit", "-qm", "more")
    git(source, "tag", "-f", "v0.10.1")
    with pytest.raises(SpriteLoraError, match="holds commit"):
        install("--source", source, "--into", tmp_path / "here")


def test_a_source_that_is_none_or_not_whole_is_named(source, asked, tmp_path):
    for broken in (tmp_path / "nowhere", source):
        with pytest.raises(SpriteLoraError, match="cannot be cloned"):
            install("--source", broken, "--into", tmp_path / "here")
        assert not (tmp_path / "here").exists(), "half a clone would count as one"
        blob = git(source, "rev-parse", "HEAD:train_network.py")
        (source / ".git/objects" / blob[:2] / blob[2:]).unlink(missing_ok=True)


def test_without_uv(source, tmp_path, monkeypatch):
    monkeypatch.setattr("tools.kohya.install.shutil.which", lambda name: None)
    with pytest.raises(SpriteLoraError, match="uv is not installed"):
        install("--source", source, "--into", tmp_path / "here")
