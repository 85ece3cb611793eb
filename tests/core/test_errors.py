import subprocess
import sys

import pytest


def stopped(runner, body):
    program = f"from sprite_lora.core.errors import SpriteLoraError, run, run_stage\ndef main(): {body}\n{runner}(main)"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)


def test_a_users_mistake_shows_no_traceback():
    done = stopped("run", "raise SpriteLoraError('what', 'do this')")
    assert done.returncode == 1
    assert done.stderr == "error: what\n  -> do this\n"


@pytest.mark.parametrize(
    "body", ["raise SpriteLoraError('what')", "raise RuntimeError('bug')", "raise KeyboardInterrupt"]
)
def test_a_stage_that_stops_says_how_to_bring_results_back(body):
    done = stopped("run_stage", body)
    assert done.returncode != 0
    assert "dvc checkout; git checkout -- reports" in done.stderr.splitlines()[-1]
    assert ("Traceback" in done.stderr) == ("SpriteLoraError" not in body)


def test_a_stage_that_succeeds_says_nothing():
    done = stopped("run_stage", "pass")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
