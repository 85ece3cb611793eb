"""Which code each stage runs, and one hash of what it does: comments, docstrings and layout do not count.

A stage's code is the closure of its imports: every module of this project that `__main__` imports, imports inside of
functions included, with the data files beside those modules that they name. The hash of a module is taken over its
syntax tree without docstrings, so an edited comment makes no stage stale, and no training state either.

Plug-ins are modules that a registry names as text and loads when they are chosen: a dict called `REGISTRY`, name to
module. The registry itself does not count; of its modules those count that a run chooses. So adding a base family or a
training backend makes no earlier run stale. A plug-in inside of a stage's folder counts for that stage alone: no stage
runs another's code.
"""

import ast
import tokenize
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import TypeGuard

from sprite_lora.core.files import sha256, sha256_set, sha256_text

ROOT = Path(__file__).resolve().parents[2]
"""The folder that holds `sprite_lora/` and `stages/`."""

PACKAGES = ("sprite_lora", "stages", "tools", "demo")

REGISTRY_NAME = "REGISTRY"
"""What a registry is called in its module."""


def stage_code(stage: str, chosen: Iterable[str] | None = None, root: Path = ROOT) -> dict[str, str]:
    """Module or file to its hash, for all code that `python -m stages.<stage>` may run; sorted.

    `chosen`: the plug-ins of the run; None counts all that the stage's registries name.
    """
    modules = closure([f"stages.{stage}.__main__"], root)
    wanted = None if chosen is None else set(chosen)
    while (
        more := {
            name
            for module in modules
            for name in plug_ins(module, root)
            if _is_in(name, wanted) and not _is_another_stages(name, stage)
        }
        - modules
    ):
        modules |= closure(more, root)
    files = {module: _file(module, root) for module in modules}
    hashes = {module: module_hash(file) for module, file in files.items() if _does_something(file)}
    for file in files.values():
        hashes |= {path.relative_to(root).as_posix(): sha256(path) for path in data_files(file)}
    return dict(sorted(hashes.items()))


def code_hash(stage: str, chosen: Iterable[str] | None = None, root: Path = ROOT) -> str:
    """One hash of `stage_code`."""
    return sha256_set(stage_code(stage, chosen, root))


def closure(start: Iterable[str], root: Path = ROOT) -> set[str]:
    """The modules of this project that some modules import, directly or not, and themselves."""
    seen: set[str] = set()
    waiting = list(start)
    while waiting:
        module = waiting.pop()
        if module not in seen:
            seen.add(module)
            waiting += imports(_file(module, root), root)
    return seen


@cache
def imports(path: Path, root: Path = ROOT) -> tuple[str, ...]:
    """The modules of this project that import statements anywhere in a file name, packages above them included."""
    named: dict[str, None] = {}
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            named |= dict.fromkeys(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            named |= dict.fromkeys([node.module, *(f"{node.module}.{alias.name}" for alias in node.names)])
    found: dict[str, None] = {}
    for name in named:
        parts = name.split(".")
        if parts[0] in PACKAGES:
            above = (".".join(parts[:length]) for length in range(1, len(parts) + 1))
            found |= dict.fromkeys(module for module in above if _exists(module, root))
    return tuple(found)


@cache
def plug_ins(module: str, root: Path = ROOT) -> dict[str, str]:
    """Module to its name in the registry that a module holds; empty for a module without one."""
    for node in _tree(_file(module, root)).body:
        if _is_registry(node):
            assert isinstance(node.value, ast.Dict), f"{module}: a registry is a dict of texts"
            return {ast.literal_eval(value): ast.literal_eval(key) for key, value in _items(node.value)}
    return {}


def _items(registry: ast.Dict) -> Iterator[tuple[ast.expr, ast.expr]]:
    yield from ((key, value) for key, value in zip(registry.keys, registry.values, strict=True) if key is not None)


@cache
def module_hash(path: Path) -> str:
    """Hash of what a module does: its syntax tree without docstrings, positions, and a registry's entries."""
    return sha256_text("".join(_spelled(_tree(path))))


def _is_in(name: str, wanted: set[str] | None) -> bool:
    return wanted is None or name in wanted


def _is_another_stages(name: str, stage: str) -> bool:
    return name.startswith("stages.") and not name.startswith(f"stages.{stage}.")


def _does_something(path: Path) -> bool:
    """False for a package's face that is a docstring alone."""
    return path.name != "__init__.py" or len(_tree(path).body) > 1


def data_files(path: Path) -> list[Path]:
    """Files that lie beside a module, or in a folder beside it without Python code, and whose name it holds as text."""
    named = {node.value for node in ast.walk(_tree(path)) if isinstance(node, ast.Constant) and type(node.value) is str}
    found: list[Path] = []
    for beside in sorted(path.parent.iterdir()):
        if beside.name not in named or beside.suffix in (".py", ".pyc"):
            continue
        inside = sorted(file for file in beside.rglob("*") if file.is_file()) if beside.is_dir() else [beside]
        if not any(file.suffix == ".py" for file in inside):
            found += inside
    return found


def script_hash(path: Path) -> str:
    """Hash of a Snakefile, or any file in Python's tokens, without comments and blank lines."""
    lines = path.read_text(encoding="utf-8").splitlines()
    with path.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type == tokenize.COMMENT:
                line, column = token.start
                lines[line - 1] = lines[line - 1][:column]
    return sha256_text("\n".join(line.rstrip() for line in lines if line.strip()))


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes(), filename=str(path))


def _spelled(node: ast.AST) -> Iterator[str]:
    """A tree as text. Empty fields are left out, so that Python versions which add fields spell it alike."""
    yield f"({type(node).__name__}"
    for name, value in ast.iter_fields(node):
        if value is None or value == [] or name in ("ctx", "type_comment", "kind"):
            continue
        yield f" {name}="
        for part in value if isinstance(value, list) else [value]:
            if not _is_docstring(part) and not _is_registry(part):
                yield from _spelled(part) if isinstance(part, ast.AST) else [f" {part!r}"]
    yield ")"


def _is_docstring(node: object) -> bool:
    """Text as a statement: of a module, class or function, or below an assignment."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and type(node.value.value) is str


def _is_registry(node: object) -> TypeGuard[ast.Assign | ast.AnnAssign]:
    if not isinstance(node, ast.Assign | ast.AnnAssign):
        return False
    target = node.targets[0] if isinstance(node, ast.Assign) else node.target
    return isinstance(target, ast.Name) and target.id == REGISTRY_NAME


def _exists(module: str, root: Path) -> bool:
    return _file(module, root).is_file()


def _file(module: str, root: Path) -> Path:
    path = root / (module.replace(".", "/") + ".py")
    return path if path.is_file() else root / module.replace(".", "/") / "__init__.py"
