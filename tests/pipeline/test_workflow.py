"""The shell steps of .github/workflows/train.yaml, one after the other, in a fresh clone with real Git and DVC."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from places import ROOT

WORKFLOW = ROOT / ".github/workflows/train.yaml"

GH = """#!/bin/sh
# Stands in for GitHub's own program, which needs GitHub: writes down what it is told, and the text of the pull request.
echo "$*" >>"$SAID/gh"
[ -z "$GH_TOKEN" ] && echo "gh needs a token" >&2 && exit 4
while [ $# -gt 1 ]; do [ "$1" = --body-file ] && cp "$2" "$SAID/body"; shift; done
exit 0
"""

UV = """#!/bin/sh
# Stands in for uv, whose `sync --extra gpu` takes 7 GB: `run` has this environment's programs.
echo "$*" >>"$SAID/uv"
[ "$1" = sync ] && exit 0
[ "$1 $2" = "run --no-sync" ] && shift 2 && exec "$@"
"""


class Job:
    """What a runner does with the workflow."""

    def __init__(self, folder: Path, project) -> None:
        self.said, self.clone, self.project = folder / "said", folder / "clone", project
        programs = folder / "programs"
        for one in (self.said, programs, folder / "temp"):
            one.mkdir()
        for name, script in (("gh", GH), ("uv", UV)):
            (programs / name).write_text(script)
            (programs / name).chmod(0o755)
        inherited = project.environment()
        self.environment = {
            **inherited, "PATH": f"{programs}:{inherited['PATH']}", "SAID": str(self.said), "GITHUB_RUN_ID": "17",
            "GITHUB_RUN_ATTEMPT": "1", "GITHUB_SERVER_URL": "https://git.invalid", "GITHUB_REPOSITORY": "me/lora",
            "GITHUB_REF_NAME": "main", "RUNNER_TEMP": str(folder / "temp"),
            "GITHUB_STEP_SUMMARY": str(self.said / "summary"),
        }  # fmt: skip
        for name in ("GH_TOKEN", "HF_TOKEN"):
            self.environment.pop(name, None)

    def run(self, *names, **values):
        """Run steps by their names, or all; `values` fill in ${{ }}. Returns the first exit code that is not 0."""
        steps = [step for step in yaml.safe_load(WORKFLOW.read_text())["jobs"]["train"]["steps"] if "run" in step]
        for step in [step for step in steps if not names or step["name"] in names]:
            # The workflow's expressions, all of which stand in `env` alone: none is pasted into a script.
            assert "${{" not in step["run"]
            own = {key: filled(text, values) for key, text in step.get("env", {}).items()}
            shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]  # as GitHub calls it
            done = subprocess.run(
                shell, cwd=self.clone, env={**self.environment, **own}, capture_output=True, text=True
            )
            self.last = done.stdout + done.stderr
            if done.returncode:
                return done.returncode
        return 0


def filled(text, values):
    (name,) = re.fullmatch(r"\$\{\{ ([\w.]+) \}\}", text).groups()
    return values.get(name.replace(".", "_"), "")


@pytest.fixture
def job(fresh, tmp_path):
    """A job in a clone of a bare repository whose project has a DVC remote that is an empty folder."""
    (tmp_path / "store").mkdir()
    fresh.run("dvc", "remote", "add", "-d", "store", str(tmp_path / "store"))
    fresh.commit("remote")
    fresh.run("git", "branch", "-qM", "main")
    fresh.run("git", "clone", "-q", "--bare", str(fresh.root), str(tmp_path / "origin.git"))
    made = Job(tmp_path, fresh)
    fresh.run("git", "clone", "-q", str(tmp_path / "origin.git"), str(made.clone))
    return made


@pytest.mark.slow
def test_steps_train_store_and_ask_for_a_merge(job, short_run, tmp_path):
    assert job.run(github_token="a token") == 0, job.last
    assert (job.clone / "dvc.lock").read_bytes() == (short_run.root / "dvc.lock").read_bytes()
    shown = job.project.run("git", "--git-dir", str(tmp_path / "origin.git"), "show", "--stat", "train/17-1").stdout
    assert "dvc.lock" in shown
    assert "reports/select.json" in shown
    assert "github-actions[bot]" in shown
    body = (job.said / "body").read_text()
    assert body.startswith("### None is usable; least bad is epoch ")
    assert "(https://git.invalid/me/lora/blob/train/17-1/reports/report.html)" in body
    assert (job.said / "summary").read_text() == body
    assert "pr create --base main --head train/17-1" in (job.said / "gh").read_text()
    assert any((tmp_path / "store").rglob("*.dir")), "dvc push"

    # Another machine, which has the branch: everything comes from the remote, nothing is trained, nothing is asked for.
    job.project.run("git", "clone", "-q", "-b", "train/17-1", str(tmp_path / "origin.git"), str(tmp_path / "second"))
    job.clone = tmp_path / "second"
    assert job.run(github_token="a token") == 0, job.last
    assert "no pull request" in (job.said / "summary").read_text()
    assert not (job.clone / "state/train").exists()
    assert (job.said / "gh").read_text().count("pr create") == 1


def test_a_remote_that_cannot_be_reached_stops_before_the_training(job):
    """An empty remote is no error; one that does not answer is."""
    assert job.run("Results so far") == 0, job.last
    (job.clone / "dvc.lock").write_bytes((ROOT / "dvc.lock").read_bytes())
    for setting in (("url", "s3://nowhere/x"), ("endpointurl", "http://127.0.0.1:9")):
        words = ["dvc", "remote", "modify", "store", *setting]
        subprocess.run(words, cwd=job.clone, env=job.environment, check=True, capture_output=True)
    job.environment |= {"AWS_MAX_ATTEMPTS": "1"}
    assert job.run("Results so far", secrets_AWS_ACCESS_KEY_ID="a", secrets_AWS_SECRET_ACCESS_KEY="b") != 0
    assert "127.0.0.1:9" in job.last


def test_targets_are_words_and_the_runner_is_taken(job):
    (job.clone / "reports").mkdir(exist_ok=True)
    uv = Path(job.environment["PATH"].split(":")[0]) / "uv"
    uv.write_text('#!/bin/sh\nfor word; do echo "<$word>"; done >>"$SAID/words"\n')
    assert job.run("Train", inputs_targets="--force train", inputs_runner="pod") == 0
    assert job.run("Train", inputs_targets="$(touch x); sample") == 0
    words = (job.said / "words").read_text().split("\n")
    assert words[:8] == ["<run>", "<--no-sync>", "<sprite-lora>", "<run>", "<--on>", "<pod>", "<--force>", "<train>"]
    assert words[8:-1] == ["<run>", "<--no-sync>", "<dvc>", "<repro>", "<$(touch>", "<x);>", "<sample>"]


def test_workflow_runs_by_hand_alone_and_pins_what_it_uses():
    workflow = yaml.safe_load(WORKFLOW.read_text())
    assert set(workflow[True]) == {"workflow_dispatch"}  # YAML 1.1 reads `on` as a truth value
    assert workflow["permissions"] == {}
    used = [step["uses"] for step in workflow["jobs"]["train"]["steps"] if "uses" in step]
    assert all(re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}", one) for one in used)
