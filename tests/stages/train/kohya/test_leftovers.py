"""What stands in the way of another attempt: a stage that was killed, with its sd-scripts still running."""

import subprocess
import sys
import threading
import time

from stages.train.faults import Interruption
from stages.train.kohya.process import alone, environment, follow, last_lines

SLEEPER = "import time; print('begun', flush=True); time.sleep(30)"


def test_one_that_was_left_behind_is_waited_for(tmp_path, capsys):
    """The lock stays with the process, whatever became of the stage that took it."""
    with alone(tmp_path / "lock") as lock:
        left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(2)"], pass_fds=(lock,))
    begun = time.monotonic()
    with alone(tmp_path / "lock"):
        waited = time.monotonic() - begun
        assert left.wait(5) == 0
    assert waited > 1
    assert "waiting for sd-scripts" in capsys.readouterr().out


def test_a_signal_ends_the_whole_group(tmp_path):
    interruption = Interruption()
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SLEEPER!r}])"
    threading.Timer(1.5, lambda: interruption.note(15, None)).start()
    begun = time.monotonic()
    with alone(tmp_path / "lock") as lock:
        command = [sys.executable, "-c", child]
        code = follow(command, environment(tmp_path, tmp_path), tmp_path / "log", lock, interruption, lambda: None)
    assert code == -15
    assert time.monotonic() - begun < 15
    with alone(tmp_path / "lock"):
        assert time.monotonic() - begun < 15, "nobody of the group holds the lock"


def test_last_lines_are_words_not_bars(tmp_path):
    log = tmp_path / "log"
    log.write_bytes(
        b"first\n\rsteps:  50%|#####     | 1/2\rsteps: 100%|##########| 2/2\n\x1b[31mValueError\x1b[0m: no\n"
    )
    assert last_lines(log) == "    first\n    ?[31mValueError?[0m: no"
