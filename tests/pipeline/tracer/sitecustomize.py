"""Python runs this at start-up where it lies on PYTHONPATH: each stage notes which keys of params.yaml it reads.

Reading a field of a loaded section is what counts; pydantic's own work while it validates does not.
"""

import atexit
import json
import os
import sys
from pathlib import Path

READ: set[str] = set()


def _trace_sections() -> None:
    from sprite_lora.core.params import Section

    plain = Section.__getattribute__

    def noting(self: Section, name: str) -> object:
        if name in type(self).model_fields:
            READ.add(f"{type(self).key}.{name}")
        return plain(self, name)

    Section.__getattribute__ = noting  # type: ignore[method-assign]


def _write() -> None:
    stage = sys.orig_argv[sys.orig_argv.index("-m") + 1].removeprefix("stages.")
    (Path(os.environ["TRACE_FOLDER"]) / f"{stage}-{os.getpid()}.json").write_text(json.dumps(sorted(READ)))


if "-m" in sys.orig_argv and sys.orig_argv[sys.orig_argv.index("-m") + 1].startswith("stages."):
    sys.path.insert(0, str(Path.cwd()))
    _trace_sections()
    atexit.register(_write)
