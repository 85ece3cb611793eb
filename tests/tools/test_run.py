"""runners.yaml, the shell that DVC calls, and what another machine may print. Real machines: tests/pipeline/runners."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.plain_text import plain_output
from tools.run.command import command
from tools.run.runners import FILE, SlurmRunner, load_runner, own_file
from tools.run.show import show
from tools.run.slurm import limited_profile
from tools.run.transfer import require_rsync


@pytest.fixture
def described(tmp_path, monkeypatch):
    """A function that writes runners.yaml of the project, or the user's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))

    def write(own=False, **runners):
        file = own_file() if own else Path(FILE)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(yaml.safe_dump(runners))

    return write


def test_own_file_wins(described):
    described(pod={"kind": "ssh", "host": "theirs"}, other={"kind": "ssh", "host": "there"})
    described(own=True, pod={"kind": "ssh", "host": "mine"})
    assert load_runner("pod").host == "mine"
    assert load_runner("other").host == "there"


@pytest.mark.parametrize(
    ("runner", "message"),
    [
        ({"kind": "ssh"}, "`pod.host`: Field required"),
        ({"kind": "ssh", "host": "-oProxyCommand=touch /tmp/x"}, "`pod.host`: String should match pattern"),
        ({"kind": "ssh", "host": "pod", "folder": "$(touch x)"}, "`pod.folder`: String should match pattern"),
        ({"kind": "ssh", "host": "pod", "stages": ["score"]}, "`pod.stages.0`: Input should be 'train' or 'sample'"),
        ({"kind": "ssh", "host": "pod", "max_cost": 3}, "max_cost needs price_per_hour"),
        ({"kind": "ssh", "host": "pod", "colour": 1}, "`pod.colour`: Extra inputs are not permitted"),
        ({"kind": "cloud"}, "Input tag 'cloud' found using 'kind' does not match"),
        ("pod", "Input should be a valid dictionary"),
    ],
)
def test_what_is_wrong_is_named(described, runner, message):
    described(pod=runner)
    with pytest.raises(SpriteLoraError) as caught:
        load_runner("pod")
    assert str(caught.value).startswith("runners.yaml: `pod")
    assert message in str(caught.value)


def test_unknown_runner_names_those_that_are_there(described):
    described(pod={"kind": "ssh", "host": "a"})
    with pytest.raises(SpriteLoraError, match="no runner `box`; described are: pod"):
        load_runner("box")


@pytest.mark.parametrize(
    ("limits", "seconds"),
    [({}, None), ({"max_hours": 2}, 7200), ({"max_cost": 1, "price_per_hour": 4}, 900),
     ({"max_hours": 0.1, "max_cost": 1, "price_per_hour": 4}, 360)],
)  # fmt: skip
def test_stricter_limit_counts(described, limits, seconds):
    described(pod={"kind": "ssh", "host": "a", **limits})
    assert load_runner("pod").seconds == seconds


@pytest.mark.parametrize("stage", ["validate", "sample"], ids=["never there", "not by this runner"])
def test_other_stages_run_here_in_the_own_shell(described, stage):
    described(pod={"kind": "ssh", "host": "nowhere.invalid", "stages": ["train"]})
    shell = Path(sys.executable).parent / "sprite-lora-shell"
    environment = {**os.environ, "DVC_STAGE": stage, "SPRITE_LORA_RUNNER": "pod", "SPRITE_LORA_SHELL": "/bin/bash"}
    done = subprocess.run(
        [shell, "-c", "echo $SHELL; exit 3"], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.returncode) == ("/bin/bash\n", 3)


def test_terminal_sees_text_alone(capsys):
    with plain_output():
        show("step 1/6\rstep 2/6\n\x1b]0;title\x07\x9b31m é\n")
    assert capsys.readouterr().out == "step 1/6\rstep 2/6\n?]0;title??31m é\n"


def test_slurm_leaves_the_list_to_slurm(described):
    described(cluster={"kind": "slurm"})
    with pytest.raises(SpriteLoraError, match="Slurm lists its jobs itself"):
        CliRunner().invoke(command, ["--on", "cluster", "--status"], catch_exceptions=False)


@pytest.mark.parametrize("version", ["2.6.9", "3.2.4"])
def test_old_rsync_is_refused(tmp_path, monkeypatch, version):
    rsync = tmp_path / "rsync"
    rsync.write_text(f"#!/bin/sh\necho 'rsync  version {version}  protocol version 29'\n")
    rsync.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(SpriteLoraError, match=f"rsync version {version}: 3.2.5 or newer is needed"):
        require_rsync()


@pytest.mark.parametrize(
    ("limits", "own", "minutes"),
    [
        ({"max_hours": 3}, None, 180),
        ({"max_cost": 2, "price_per_hour": 1}, None, 30),  # four shards share it
        ({"max_cost": 2, "price_per_hour": 1}, 20, 20),
    ],
    ids=["hours", "money", "the profile's own is less"],
)
def test_jobs_of_a_limited_sample_have_so_much_time(tmp_path, limits, own, minutes):
    resources = {"slurm_partition": "gpu"} | ({"runtime": own} if own else {})
    profile = {"executor": "slurm", "retries": 2, "config": ["shards=4", "gpus=1"], "default-resources": resources}
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/config.yaml").write_text(yaml.safe_dump(profile))
    runner = SlurmRunner(kind="slurm", profile=str(tmp_path / "mine"), **limits)
    written = yaml.safe_load((limited_profile(runner, tmp_path / "here") / "profile.yaml").read_text())
    wanted = {"slurm_partition": "gpu", "runtime": minutes}
    assert written == profile | {"retries": 0, "default-resources": wanted}


def test_profile_without_limits_is_the_runners_own(tmp_path):
    assert limited_profile(SlurmRunner(kind="slurm"), tmp_path) == Path("profiles/slurm")


def test_profile_that_is_not_there(tmp_path):
    runner = SlurmRunner(kind="slurm", profile="mine", max_hours=1)
    with pytest.raises(SpriteLoraError, match="mine is no profile of Snakemake's"):
        limited_profile(runner, tmp_path)
