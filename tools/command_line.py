"""The command `sprite-lora`: its tools, and the stages that DVC runs.

A tool is a module with a click command called `command`, and a line in TOOLS. Its docstring's first line stands in the
list, so no module is imported before it is called. A stage is run as `python -m stages.<name>` runs it.
"""

import ast
import runpy
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from sprite_lora.core.errors import SpriteLoraError, run
from sprite_lora.core.plain_text import plain_output

TOOLS = {
    "identify": "tools.identify.command",
    "audit": "tools.audit.command",
    "drift": "tools.drift.command",
    "code": "tools.code",
    "verify": "tools.verify.command",
    "convert": "tools.convert",
    "preset": "tools.preset.command",
    "kohya": "tools.kohya.command",
    "base": "tools.base.command",
    "run": "tools.run.command",
    "doctor": "tools.doctor.command",
    "verdict": "tools.verdict",
    "review": "tools.review.command",
}

STAGES = ("validate", "package", "train", "sample", "score", "select", "finish", "report")


class CommandLine(click.Group):
    """Tools and stages, loaded when they are called."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """As click's; whatever is printed, click's own messages too, sends no control characters to the terminal."""
        with plain_output():
            return super().main(*args, **extra)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*TOOLS, *STAGES]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in STAGES:
            return Stage(cmd_name)
        if cmd_name not in TOOLS:
            return None
        command: click.Command = import_module(TOOLS[cmd_name]).command
        return command

    def invoke(self, ctx: click.Context) -> None:
        run(lambda: super(CommandLine, self).invoke(ctx))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        stages = {name: f"stages.{name}.__main__" for name in STAGES}
        for title, modules in (("Tools", TOOLS), ("Stages", stages)):
            with formatter.section(title):
                formatter.write_dl([(name, first_line(module)) for name, module in modules.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        named = [CompletionItem(name) for name in self.list_commands(ctx) if name.startswith(incomplete)]
        return named + click.Command.shell_complete(self, ctx, incomplete)


class Stage(click.Command):
    """`python -m stages.<name>`, which reads its options itself."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.args = list(args)
        return []

    def invoke(self, ctx: click.Context) -> None:
        module = f"stages.{self.name}"
        sys.argv[1:] = ctx.args
        try:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        except ModuleNotFoundError as error:
            missing = (error.name or "").split(".")[0]
            if missing in ("sprite_lora", "stages", ""):
                raise
            raise SpriteLoraError(
                f"{self.name} needs {missing}, which is not installed", "pip install 'sprite-lora[train]'"
            ) from None


def first_line(module: str) -> str:
    """The first line of a module's docstring, read without importing it."""
    spec = find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    text = ast.get_docstring(ast.parse(Path(spec.origin).read_bytes())) or ""
    return text.split("\n")[0]


@click.command(
    cls=CommandLine,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    epilog="Each has a --help of its own. Completion for bash (or zsh, fish): "
    'eval "$(_SPRITE_LORA_COMPLETE=bash_source sprite-lora)"',
)
def main() -> None:
    """From captioned pixel-art sprites to the best LoRA: single tools, and the stages that `dvc repro` runs."""


if __name__ == "__main__":
    main()
