"""`sprite-lora run` on a Slurm of two nodes: `train` as one job, `sample` as Snakemake's jobs."""

import os
import shutil
import signal
import subprocess
import time

import pytest
import yaml

pytestmark = pytest.mark.engines

TRAIN = ("--force", "--single-item", "train")


class OnCluster:
    """A project, its runner `cluster`, and runs of it."""

    def __init__(self, project):
        self.project = project
        self.describe()

    def describe(self, *options):
        runner = {"kind": "slurm", "sbatch": ["--partition=gpu", "--gres=gpu:1", *options]}
        (self.project.root / "runners.yaml").write_text(yaml.safe_dump({"cluster": runner}))

    def run(self, *arguments, check=True):
        return self.project.run("sprite-lora", "run", "--on", "cluster", *arguments, check=check)

    def start(self, *arguments):
        self.output = self.project.root.parent / "said"
        return subprocess.Popen(
            ["sprite-lora", "run", "--on", "cluster", *arguments], cwd=self.project.root,
            env=self.project.environment(), stdout=self.output.open("a"), stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

    def wait_for_epoch(self):
        end = time.monotonic() + 120
        while not list((self.project.root / "state/train").glob("*/epochs/*-000001.safetensors")):
            assert time.monotonic() < end, self.output.read_text()
            time.sleep(0.1)

    @property
    def job(self):
        (number,) = (self.project.root / "state/run").glob("train-*/job")
        return number.read_text()


@pytest.fixture
def training(cluster, project):
    for folder in ("state", "logs", "outputs/checkpoints"):
        shutil.rmtree(project.root / folder)
    return OnCluster(project)


def test_results_and_lock_equal_a_local_run(cluster, fresh, short_run):
    profile = fresh.root / "profiles/slurm/profile.yaml"
    profile.write_text(profile.read_text().replace("mem_mb: 16000", "mem_mb: 2000").replace("gpus=1", "gpus=0"))
    done = OnCluster(fresh).run()
    assert "train is job " in done.stdout
    assert (fresh.root / "dvc.lock").read_bytes() == (short_run.root / "dvc.lock").read_bytes()
    assert fresh.tensors() == short_run.tensors()
    assert fresh.pictures() == short_run.pictures()


def test_requeued_in_training(training, short_run):
    run = training.start(*TRAIN)
    training.wait_for_epoch()
    subprocess.run(["scontrol", "requeue", training.job], check=True)
    time.sleep(1)
    # Slurm itself waits two minutes before it starts a requeued job.
    subprocess.run(["scontrol", "update", f"jobid={training.job}", "StartTime=now"], check=False)
    assert run.wait(300) == 0, training.output.read_text()
    assert training.project.tensors() == short_run.tensors()


def test_killed_here_and_started_again(training, short_run):
    run = training.start(*TRAIN)
    training.wait_for_epoch()
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    assert f"train is job {training.job} already; following it" in training.run(*TRAIN).stdout
    assert training.project.tensors() == short_run.tensors()


def test_cancelled_job_is_named(training):
    run = training.start(*TRAIN)
    training.wait_for_epoch()
    subprocess.run(["scancel", training.job], check=True)
    assert run.wait(120) != 0
    assert f"job {training.job} ended without an exit code" in training.output.read_text()


def test_what_sbatch_refuses_is_said(training):
    training.describe("--partition=nowhere")
    done = training.run(*TRAIN, check=False)
    assert "error: sbatch: " in done.stderr
    assert "invalid partition specified: nowhere" in done.stderr
