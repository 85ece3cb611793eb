"""Where tests find the project, and the real data beside it that a stranger's machine does not have."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
TOKENIZER = ROOT / "models" / "nano" / "tokenizer"
