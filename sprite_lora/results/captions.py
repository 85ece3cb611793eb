"""reports/captions.json: every caption, one key each, so that `dvc params diff` shows a changed one."""

from pydantic import RootModel

from sprite_lora.core.params import Paths
from sprite_lora.core.result import Result


class CaptionTexts(Result, RootModel[dict[str, str]], extra=None):
    """Stem to the caption's first line, sorted."""

    place = Paths.reports / "captions.json"
    stage = "validate"
