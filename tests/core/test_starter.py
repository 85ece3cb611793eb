"""A stage's process notices that the DVC which started it is gone."""

import subprocess
import sys
import time

import pytest

STAGE = """
import sys, time
from pathlib import Path
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.starter import require_starter

said = Path(sys.argv[1])
require_starter()
said.write_text("begun")
for _ in range(400):
    try:
        require_starter()
    except SpriteLoraError as error:
        said.write_text(str(error))
        break
    time.sleep(0.05)
"""


def wait_for_text(path, text):
    end = time.monotonic() + 30
    while not (path.is_file() and text in path.read_text()):
        assert time.monotonic() < end, path.read_text() if path.is_file() else "nothing was written"
        time.sleep(0.02)


@pytest.mark.parametrize("reaped", [True, False], ids=["gone", "a zombie"])
def test_killed_starter_is_noticed(tmp_path, reaped):
    """A shell in DVC's place: it names the stage to a second shell, which starts the stage. DVC itself: test_killed."""
    said = tmp_path / "said"
    inner = f"{sys.executable} -c '{STAGE}' {said}; true"  # `true` keeps the inner shell alive, as Snakemake is
    starter = subprocess.Popen(["bash", "-c", 'DVC_STAGE=sample sh -c "$0"; true', inner])
    wait_for_text(said, "begun")
    starter.kill()
    if reaped:
        starter.wait()
    wait_for_text(said, "was killed")
    starter.wait()


def test_process_without_dvc_goes_on(tmp_path):
    said = tmp_path / "said"
    inner = f"{sys.executable} -c '{STAGE.replace('range(400)', 'range(3)')}' {said}; true"
    starter = subprocess.Popen(["bash", "-c", 'env -u DVC_STAGE sh -c "$0" & wait', inner])
    wait_for_text(said, "begun")
    starter.kill()
    starter.wait()
    time.sleep(0.5)
    assert said.read_text() == "begun"
