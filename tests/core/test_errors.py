import os
import subprocess
import sys

import pytest

PROGRAM = "from sprite_lora.core.errors import SpriteLoraError, run, run_stage\ndef main(): {body}\n{runner}(main)"


def stopped(runner, body):
    program = PROGRAM.format(body=body, runner=runner)
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


@pytest.mark.parametrize("runner", ["run", "run_stage"])
@pytest.mark.parametrize(
    "body",
    [
        "[print('line') for _ in range(100_000)]",
        "print('one line')",
        "from sprite_lora.core.terminal import console; [console().print('line') for _ in range(2)]",
    ],
)
def test_a_closed_pipe_ends_it_quietly(runner, body):
    program = PROGRAM.format(body=body, runner=runner)
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([sys.executable, "-c", program], stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_pipe_of_its_own_that_breaks_is_a_bug():
    done = stopped("run", "raise BrokenPipeError('between processes')")
    assert (done.returncode, "Traceback" in done.stderr) == (1, True)


@pytest.mark.parametrize("runner", ["run", "run_stage"])
@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("open('/proc/1/mem/x')", "error: /proc/1/mem/x: Not a directory"),
        ("raise OSError(28, 'No space left on device')", "error: No space left on device"),
    ],
)
def test_what_the_system_refuses_is_one_line(runner, body, said):
    done = stopped(runner, body)
    assert (done.returncode, done.stderr.splitlines()[0][: len(said)]) == (1, said)
    assert "Traceback" not in done.stderr


def test_a_full_disk_behind_the_output_is_one_line():
    program = PROGRAM.format(body="print('line')", runner="run")
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = subprocess.run([sys.executable, "-c", program], stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (1, "error: No space left on device\n")
