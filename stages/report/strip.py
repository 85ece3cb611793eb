"""The picture strip: prompts by epochs in one PNG, for a README or a chat."""

from PIL import Image, ImageDraw, ImageFont

from sprite_lora.art.image_file import read_image
from stages.report.facts import Facts, picture_path

SIDE, GAP, HEADING = 96, 6, 22
"""Pixels: a picture's side, the space between two, and the line of epoch numbers above them."""

PAPER, INK, CHOSEN = "#ffffff", "#444444", "#2244cc"


def strip(facts: Facts, rows: int = 3) -> Image.Image:
    """A row for each of the first prompts, a column per epoch, the base first; the selected epoch's column is framed.

    Pictures are averaged down to 96 px, which keeps art pixels of 8, 16, 24 or 40 px whole and sharp.
    """
    pitch = SIDE + GAP
    epochs, prompts = facts.scores.epochs, list(facts.prompts)[:rows]
    sheet = Image.new("RGB", (GAP + pitch * len(epochs), HEADING + pitch * len(prompts) + GAP), PAPER)
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(13)
    for column, epoch in enumerate(epochs):
        left = GAP + column * pitch
        chosen = facts.is_selected(epoch)
        colour = CHOSEN if chosen else INK
        heading = f"epoch {epoch.number}" if epoch.number else "base"
        pen.text((left + SIDE / 2, HEADING / 2), heading, colour, font, anchor="mm")
        for row, prompt in enumerate(prompts):
            picture = read_image(picture_path(epoch.number, prompt)).convert("RGB")
            small = picture.resize((SIDE, SIDE), Image.Resampling.BOX)
            sheet.paste(small, (left, HEADING + row * pitch))
        if chosen:
            frame = (left - 3, HEADING - 3, left + SIDE + 2, HEADING + len(prompts) * pitch - GAP + 2)
            pen.rectangle(frame, outline=CHOSEN, width=2)
    return sheet
