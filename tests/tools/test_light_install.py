"""Captions, sprites, headers and records need no deep learning: validate and the tools run without it."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile

import pytest
from places import ROOT

HEAVY = ("torch", "transformers", "diffusers", "accelerate", "peft", "dvc", "dvclive", "snakemake", "scipy", "psutil",
         "safetensors", "sklearn", "aiohttp")  # fmt: skip

REFUSED = f"""
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {HEAVY}:
            raise ModuleNotFoundError(f"refused: {{name}}", name=name)
sys.meta_path.insert(0, Refuse())
"""

SPRITE_LORA = [
    sys.executable,
    "-c",
    f"{REFUSED}sys.path.insert(0, {str(ROOT)!r})\nimport tools.command_line as c; c.main()",
]

STAGES_WITHOUT = ("validate", "package", "score", "select", "finish", "report")

UNREACHABLE = ("Failed to fetch", "error sending request", "Network connectivity is disabled", "dns error")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The sample set in a Git repository, and a LoRA file with our record."""
    root = tmp_path_factory.mktemp("project")
    shutil.copy(ROOT / "params.yaml", root)
    for name in ("data", "captions", "regularisation", "models/no_vae", "models/no_weights"):
        shutil.copytree(ROOT / name, root / name)
    shutil.copytree(ROOT / "models" / "nano", root / "models" / "nano")
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    for arguments in (["init", "-q"], ["add", "params.yaml", "captions"], ["commit", "-qm", "first"]):
        subprocess.run(["git", *who, *arguments], cwd=root, check=True)
    record = {"sprite_lora": json.dumps({"params": {"network_dim": 1}, "package": {"art_pixels": 24}})}
    module = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
    header = {
        "__metadata__": record,
        f"{module}.lora_down.weight": {"dtype": "F16", "shape": [1, 768], "data_offsets": [0, 1536]},
        f"{module}.lora_up.weight": {"dtype": "F16", "shape": [320, 1], "data_offsets": [1536, 2176]},
    }
    text = json.dumps(header).encode()
    (root / "punk.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + bytes(2176))
    return root


def everything_runs(project, command):
    """Each tool, and validate, over the project, from the command that stands for `sprite-lora`."""

    def said(*arguments):
        done = subprocess.run([*command, *arguments], cwd=project, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("PYTHONPATH", None)
    (found,) = json.loads(said("identify", "punk.safetensors", "--json"))
    assert (found["rank"], found["settings"]["art_pixels"]["value"]) == (1, 24)
    assert "203 pairs, no errors" in said("validate")
    changes = json.loads(said("drift", "HEAD", "--json"))
    assert (changes["changed"], changes["captions"]["unchanged"]) == ([], 203)
    assert "network_dim" in said("drift", "punk.safetensors")
    taken = json.loads(said("audit", ".", "--json"))
    assert [run["run"] for run in taken["runs"]] == ["punk"]
    assert "has today's form already" in said("convert")
    assert "nothing changes" in said("preset", str(ROOT / "presets" / "nano.yaml"))


def test_the_gate_and_the_tools_import_nothing_heavy(project):
    everything_runs(project, SPRITE_LORA)
    imports = "\n".join(f"import stages.{stage}.__main__" for stage in STAGES_WITHOUT)
    subprocess.run([sys.executable, "-c", REFUSED + imports], cwd=ROOT, check=True)


def test_training_without_its_libraries_says_what_to_install(project):
    done = subprocess.run([*SPRITE_LORA, "train"], cwd=project, capture_output=True, text=True)
    assert done.returncode == 1
    said = r"error: train needs \w+, which is not installed\n  -> pip install 'sprite-lora\[train\]'\n"
    assert re.fullmatch(said, done.stderr), done.stderr


def test_rating_without_its_libraries_says_what_to_install(project):
    done = subprocess.run([*SPRITE_LORA, "review"], cwd=project, capture_output=True, text=True)
    assert done.returncode == 1
    said = "error: review needs aiohttp, which is not installed\n  -> pip install 'sprite-lora[review]'\n"
    assert done.stderr == said


def uv(*arguments):
    """Run uv; skip where it, or the package registry, can't be reached."""
    if shutil.which("uv") is None:
        pytest.skip("uv is not on the PATH")
    environment = {name: value for name, value in os.environ.items() if name not in ("UV_FROZEN", "VIRTUAL_ENV")}
    done = subprocess.run(["uv", *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, env=environment)
    if any(words in done.stderr for words in UNREACHABLE):
        pytest.skip("the package registry cannot be reached")
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    uv("build", "--wheel", "--out-dir", folder, ".")
    (file,) = folder.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory):
    """The wheel in an environment of its own, with the versions of uv.lock and no extra."""
    folder = tmp_path_factory.mktemp("light")
    listed = ("--frozen", "--no-default-groups", "--no-emit-project", "--no-hashes")
    uv("export", "--quiet", *listed, "--output-file", folder / "requirements.txt")
    uv("venv", "--python", sys.executable, folder / "env")
    uv("pip", "install", "--python", folder / "env", "--requirements", folder / "requirements.txt", wheel)
    return folder / "env"


@pytest.mark.slow
def test_the_wheel_holds_the_data_files(wheel):
    held = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("sprite_lora", "stages", "tools"):
        tracked = subprocess.run(["git", "ls-files", folder], cwd=ROOT, capture_output=True, text=True, check=True)
        assert set(tracked.stdout.split()) <= held
    assert {name.split("/")[0] for name in held} == {"sprite_lora", "stages", "tools", "sprite_lora-0.1.0.dist-info"}


@pytest.mark.slow
def test_a_light_install_is_small_and_runs_the_gate_and_the_tools(environment, project):
    size = sum(path.lstat().st_size for path in environment.rglob("*") if path.is_file())
    assert size < 200e6
    python = environment / "bin" / "python"
    found = f"from importlib.util import find_spec; print([name for name in {HEAVY} if find_spec(name)])"
    assert subprocess.run([python, "-c", found], capture_output=True, text=True, check=True).stdout == "[]\n"
    everything_runs(project, [environment / "bin" / "sprite-lora"])
