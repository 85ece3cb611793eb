from PIL import Image

from sprite_lora.core.params import load
from sprite_lora.results.report_params import Report
from stages.report.facts import picture_path
from stages.report.inputs import read_facts
from stages.report.strip import CHOSEN, GAP, HEADING, SIDE, strip


def test_each_picture_stands_in_its_column_and_the_selected_one_is_framed(run_folder):
    facts = read_facts(load(Report))
    prompts = list(facts.prompts)
    sheet = strip(facts, rows=len(prompts))
    for column, epoch in enumerate(facts.scores.epochs):
        left = GAP + column * (SIDE + GAP)
        for row, prompt in enumerate(prompts):
            top = HEADING + row * (SIDE + GAP)
            drawn = (
                Image.open(picture_path(epoch.number, prompt)).convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX)
            )
            assert sheet.crop((left, top, left + SIDE, top + SIDE)).tobytes() == drawn.tobytes()
        framed = sheet.getpixel((left - 3, HEADING + SIDE // 2)) == tuple(bytes.fromhex(CHOSEN[1:]))
        assert framed == facts.is_selected(epoch)
