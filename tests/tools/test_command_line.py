"""`sprite-lora`: what it lists, what it runs, and that it starts at once."""

import os
import subprocess
import sys
from importlib import import_module

import click
import pytest
from places import ROOT

from tools.command_line import STAGES, TOOLS


def sprite_lora(*arguments, **more):
    command = [sys.executable, "-m", "tools.command_line", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, **more)


def test_help_lists_every_tool_and_stage_with_a_line():
    lines = {line.split()[0]: line.split()[1:] for line in sprite_lora("--help").stdout.splitlines() if line.split()}
    for name in (*TOOLS, *STAGES):
        assert len(lines[name]) > 3, name
    assert set(STAGES) == {path.parent.name for path in (ROOT / "stages").glob("*/__main__.py")}


@pytest.mark.parametrize("arguments", [["--help"], ["nowhere"]])
def test_the_list_imports_no_tool_and_nothing_large(arguments):
    code = "import sys; from tools.command_line import main; main(sys.argv[1:], standalone_mode=False)"
    program = f"import atexit, sys; atexit.register(lambda: print(*sys.modules)); {code}"
    done = subprocess.run([sys.executable, "-c", program, *arguments], cwd=ROOT, capture_output=True, text=True)
    modules = set(done.stdout.splitlines()[-1].split())
    assert "click" in modules
    assert not modules & {*TOOLS.values(), "rich", "numpy", "pydantic", "torch"}


@pytest.mark.parametrize("name", TOOLS)
def test_a_tool_is_a_command_with_help(name):
    module = import_module(TOOLS[name])
    assert isinstance(module.command, click.Command)
    done = sprite_lora(name, "--help")
    assert done.returncode == 0
    assert module.__doc__.split("\n")[0].split()[:3] == done.stdout.split("\n")[2].split()[:3]


def test_a_stage_reads_its_own_options():
    done = sprite_lora("validate", "--help")
    assert done.stdout.startswith("usage: python -m stages.validate")
    assert "--suggest" in done.stdout
    assert sprite_lora("validate", "--no-such").returncode == 2


def test_a_stage_runs_as_its_module_does(tmp_path):
    """The same words and exit code as `python -m stages.select` in a folder without a project."""
    results = [
        subprocess.run(
            [sys.executable, "-m", *module], cwd=tmp_path, capture_output=True, text=True, env=os.environ | PATHS
        )
        for module in (["stages.select"], ["tools.command_line", "select"])
    ]
    assert results[0].stderr == results[1].stderr
    assert results[0].returncode == results[1].returncode == 1
    assert "params.yaml does not exist" in results[0].stderr


PATHS = {"PYTHONPATH": str(ROOT)}


def test_mistakes_end_with_one_message():
    for arguments, code in ((["nowhere"], 2), (["drift"], 2), (["drift", "nowhere"], 1), (["audit"], 1)):
        done = sprite_lora(*arguments)
        assert (done.returncode, "Traceback" in done.stderr) == (code, False)


def test_the_shell_completes_names_and_options():
    def completed(words):
        environment = os.environ | {"_MAIN_COMPLETE": "bash_complete", "COMP_WORDS": words}
        environment["COMP_CWORD"] = str(len(words.split(" ")) - 1)
        program = "from tools.command_line import main; main(prog_name='main')"
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, env=environment
        )
        return [line.split(",")[1] for line in done.stdout.splitlines()]

    assert completed("main ") == [*TOOLS, *STAGES]
    assert completed("main s") == ["sample", "score", "select"]
    assert completed("main identify --te") == ["--tensors"]
