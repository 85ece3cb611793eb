"""What a job on another machine said is printed here, once."""

import logging

import pytest

from stages.sample.failures import JobErrors


@pytest.fixture
def failed(tmp_path, capsys):
    """A function that has a job fail whose shard and whose job logged something; returns what is printed."""

    def fail(said, shard="", job=""):
        for name, text in (("shard", shard), ("job", job)):
            (tmp_path / name).write_text(text)
        record = logging.makeLogRecord(
            {"rule_name": "sample_shard_1", "rule_msg": said, "log": [str(tmp_path / "shard"), str(tmp_path / "job")]}
        )
        JobErrors().handle(record)
        return capsys.readouterr().err

    return fail


def test_why_a_job_was_not_submitted(failed):
    assert failed("sbatch: Invalid\x1b[31m resource") == "\nsample_shard_1: sbatch: Invalid?[31m resource\n"


def test_end_of_its_log(failed):
    said = failed("failed", job="".join(f"line {number}\n" for number in range(99)))
    assert "\nline 87\n" in said
    assert "line 86" not in said
    assert said.endswith("\nline 98\n")


def test_not_where_the_shard_tells_why(failed):
    """Snakemake's `onerror` prints that."""
    assert failed("failed", shard="error: no disk\n", job="python: exit 1\n") == "\nsample_shard_1: failed\n"


def test_failures_here_are_not_its_business(failed):
    assert failed(None, job="something") == ""
