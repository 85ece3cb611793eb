"""outputs/finished/colours.json: what finishing did to the colours of the selected epoch's pictures."""

from pydantic import RootModel

from sprite_lora.core.params import Paths
from sprite_lora.core.result import Count, Name, Part, Result


class SpriteColours(Part):
    """The colours of one picture and of its sprite."""

    drawn_colours: Count
    """Different colours over all pixels of the picture."""
    palette: dict[str, Count]
    """Of the sprite: `#rrggbb` to the number of its cells, most first."""


class FinishedColours(Result, RootModel[dict[Name, SpriteColours]], extra=None):
    """Prompt's name to the colours."""

    place = Paths.finished / "colours.json"
    stage = "finish"
