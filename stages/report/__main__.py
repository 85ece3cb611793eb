"""Write the page that a person judges the choice from.

Reads   reports/ (validate, captions, plan, train, score, select), outputs/dataset/manifest.json, outputs/samples,
        outputs/selected, outputs/finished, params.yaml
Writes  reports/report.html: one file with everything in it; no clock, no host, nothing loaded from outside

    python -m stages.report
    python -m stages.report --strip FILE.png     only draws prompts by epochs into one picture
"""

import argparse
from pathlib import Path

from sprite_lora.core.errors import run_stage
from sprite_lora.core.files import replacing, write_text
from sprite_lora.core.params import Paths, load
from sprite_lora.results.report_params import Report
from stages.report.inputs import read_facts
from stages.report.page import page
from stages.report.strip import strip
from stages.report.words import size


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m stages.report", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--strip", type=Path, metavar="FILE.png", help="only draw prompts by epochs into one picture")
    chosen = parser.parse_args()
    paths, report = load(Paths), load(Report)
    facts = read_facts(report)
    if chosen.strip:
        with replacing(chosen.strip) as temporary:
            strip(facts).save(temporary, "PNG", optimize=True)
        return
    text = page(facts, report.title)
    target = paths.reports / "report.html"
    write_text(target, text)
    print(f"{target}: {size(len(text.encode()))}; open it in any browser")


if __name__ == "__main__":
    run_stage(main)
