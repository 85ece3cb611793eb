"""Write the page that a person judges the choice from.

Reads   reports/ (validate, package, train, score, select), outputs/dataset/manifest.json, outputs/samples,
        outputs/selected, outputs/finished, params.yaml
Writes  reports/report.html: one file with everything in it; no clock, no host, nothing loaded from outside

    python -m stages.report
"""

from stages.errors import run_stage
from stages.files import write_text
from stages.params import Paths, load
from stages.report.inputs import read_facts
from stages.report.page import page
from stages.report.params import Report
from stages.report.words import size


def main() -> None:
    paths, report = load(Paths), load(Report)
    text = page(read_facts(paths), report.title, report.grid_pixels)
    target = paths.reports / "report.html"
    write_text(target, text)
    print(f"{target}: {size(len(text.encode()))}; open it in any browser")


if __name__ == "__main__":
    run_stage(main)
