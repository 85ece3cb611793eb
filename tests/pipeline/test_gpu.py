"""The eight stages on a CUDA GPU, on the embedded base."""

import json

import pytest

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_the_whole_pipeline_runs_and_is_up_to_date_then(fresh, precision):
    fresh.edit(train__mixed_precision=precision)
    fresh.run("dvc", "repro")
    device = [json.loads(path.read_text())["device"] for path in (fresh.root / "logs/train").glob("*.json")]
    assert len(device) == 1
    assert "cpu" not in device[0]
    assert (fresh.root / "reports/report.html").is_file()
    assert "Data and pipelines are up to date." in fresh.run("dvc", "repro").stdout
