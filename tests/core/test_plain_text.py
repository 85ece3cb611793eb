"""No control character reaches a terminal, whatever is printed and however."""

import io
import os
import pty
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from places import ROOT

from sprite_lora.core.plain_text import CONTROL, plain, plain_output

HOSTILE = "a\x1b]0;title\x07\x9b31m\u202eb\rc\x00d\udc9b"
UNTOUCHED = "na\u00efve \u05d0\u05d1\u200f \U0001f468\u200d\U0001f469 \u4e2d\u6587"

PROGRAM = """
import sys
from rich.table import Table
from rich.text import Text
from sprite_lora.core.errors import SpriteLoraError, run, run_stage
from sprite_lora.core.plain_text import plain_output
from sprite_lora.core.terminal import console, print_json
text = {text!r}
def main():
    print(text)
    sys.stderr.write(text + "\\n")
    table = Table(text)
    table.add_row(text)
    console().print(table, style="bold red")
    console().print(Text(text), text)
    print_json({{text: text}})
    raise {error}(text)
{runner}(main)
"""


@pytest.mark.parametrize("error", ["SpriteLoraError", "RuntimeError"])
@pytest.mark.parametrize("runner", ["run", "run_stage"])
def test_a_program_that_prints_to_a_pipe(runner, error):
    program = PROGRAM.format(text=HOSTILE + UNTOUCHED, error=error, runner=runner)
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True)
    assert done.returncode == 1
    for output in (done.stdout.decode(), done.stderr.decode()):
        assert not CONTROL.search(output)
        assert "a?]0;title??31m?b" in output
        assert UNTOUCHED in output


@pytest.mark.parametrize("within", ["", "with plain_output():\n    "])
def test_on_a_terminal_colours_are_the_consoles_own(within):
    """Also where the command line has seen to it that output is plain, before the tool does."""
    leader, follower = pty.openpty()
    program = PROGRAM.format(text=HOSTILE, error="SpriteLoraError", runner=f"{within}run")
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "200"}
    output = b""
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=follower, stderr=follower, env=environment
    ) as process:
        os.close(follower)
        try:
            while part := os.read(leader, 4096):
                output += part
        except OSError:  # the end, on Linux
            pass
    os.close(leader)
    assert process.returncode == 1
    text = output.decode()
    assert "\x1b[1;31m" in text, "the console's own"
    assert "\x1b]" not in text
    assert not {"\x07", "\x9b", "\u202e", "\x00"} & set(text)
    assert text.count("title") >= 6


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_an_encoding_without_the_letters_stops_nothing(encoding):
    program = PROGRAM.format(text=UNTOUCHED, error="SpriteLoraError", runner="run")
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, env=environment)
    assert (done.returncode, b"Traceback" in done.stderr) == (1, False)
    assert b"\\u4e2d" in done.stdout


@given(st.text())
def test_text_without_control_characters_is_printed_as_it_is(text):
    printed = io.StringIO(newline="")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", printed)
        with plain_output():
            print(text)
    shown = printed.getvalue()
    assert not CONTROL.search(shown.replace("\r\n", "\n").removeprefix("\r"))
    assert len(shown) == len(text) + 1
    if not CONTROL.search(text):
        assert shown == text + "\n"
    assert "\n" not in plain(text)


def test_progress_bars_go_back_to_the_start_of_their_line(monkeypatch):
    printed = io.StringIO(newline="")
    monkeypatch.setattr(sys, "stderr", printed)
    with plain_output():
        sys.stderr.write("\r 50%|#####     |")
        sys.stderr.writelines(["te\x1bxt", "\r\n"])
    assert printed.getvalue() == "\r 50%|#####     |te?xt\r\n"
