"""Where tests find the project, and the real data beside it that a stranger's machine does not have."""

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
TOKENIZER = ROOT / "models" / "nano" / "tokenizer"


def kohya_values(name: str) -> Any:
    """Expected values that sd-scripts computed: `tests/kohya_values/README.md` says what each is."""
    return json.loads((ROOT / "tests" / "kohya_values" / f"{name}.json").read_text())
