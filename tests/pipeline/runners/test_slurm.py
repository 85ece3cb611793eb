"""`sprite-lora run` on a Slurm of two nodes: `train` as one job, `sample` as Snakemake's jobs."""

import os
import shutil
import signal
import subprocess
import time

import pytest
import yaml
from runner_cases import answer

pytestmark = pytest.mark.engines

TRAIN, SAMPLE = (("--force", "--single-item", stage) for stage in ("train", "sample"))


class OnCluster:
    """A project, its runner `cluster`, and runs of it."""

    def __init__(self, project):
        self.project = project
        self.describe()

    def describe(self, *options, **more):
        runner = {"kind": "slurm", "sbatch": ["--partition=gpu", "--gres=gpu:1", *options], **more}
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

    def wait_for(self, pattern, seconds=120):
        """Until there is such a file in the project's folder; returns the files."""
        end = time.monotonic() + seconds
        while not (found := list(self.project.root.glob(pattern))):
            assert time.monotonic() < end, self.said
            time.sleep(0.02)
        return found

    def wait_for_epoch(self):
        """Until the state of the first of two epochs is saved: the middle of the training."""
        self.wait_for("state/train/*/resume.pt")

    def wait_until_it_says(self, text, seconds=120):
        end = time.monotonic() + seconds
        while text not in self.said:
            assert time.monotonic() < end, self.said
            time.sleep(0.05)

    @property
    def said(self):
        return self.output.read_text()

    def shards(self, number, **more):
        """Jobs that fit this machine, and `default-resources` besides."""
        file = self.project.root / "profiles/slurm/profile.yaml"
        profile = yaml.safe_load(file.read_text())
        profile |= {"config": [f"shards={number}", "gpus=0"], "slurm-init-seconds-before-status-checks": 1}
        profile["default-resources"] |= {"mem_mb": 2000, "cpus_per_task": 2, **more}
        file.write_text(yaml.safe_dump(profile))

    @property
    def job(self):
        (number,) = (self.project.root / "state/run").glob("train-*/job")
        return number.read_text()


@pytest.fixture
def training(cluster, project):
    for folder in ("state", "logs", "outputs/checkpoints"):
        shutil.rmtree(project.root / folder)
    return OnCluster(project)


@pytest.fixture(scope="module")
def slow_run(short_run, tmp_path_factory):
    """A finished project whose pictures take a second each, so that something can happen meanwhile."""
    slow = short_run.copy(tmp_path_factory.mktemp("slow") / "project")
    slow.edit(sample__steps=10)
    slow.run("dvc", "repro", "--single-item", "sample")
    return slow


@pytest.fixture
def drawing(cluster, slow_run, tmp_path):
    run = OnCluster(slow_run.copy(tmp_path / "project"))
    shutil.rmtree(run.project.root / "outputs/samples")
    run.shards(2)
    return run


def test_results_and_lock_equal_a_local_run(cluster, fresh, short_run):
    """And each job has the time that the runner's limits leave it: the shards share the money."""
    run = OnCluster(fresh)
    run.describe(max_hours=3, price_per_hour=1, max_cost=2)
    run.shards(2)
    done = run.run()
    assert "train is job " in done.stdout
    assert (fresh.root / "dvc.lock").read_bytes() == (short_run.root / "dvc.lock").read_bytes()
    assert fresh.tensors() == short_run.tensors()
    assert fresh.pictures() == short_run.pictures()
    jobs = answer("scontrol", "show", "jobs", "-o").splitlines()
    mine = [dict(word.split("=", 1) for word in job.split() if "=" in word) for job in jobs if str(fresh.root) in job]
    limits = [one["TimeLimit"] for one in mine]
    assert sorted(limits) == ["01:00:00", "01:00:00", "02:00:00"]


def test_node_killed_in_training(training, cluster, short_run):
    """The job is requeued on the other node and goes on from its state; a second `run` in this folder is refused."""
    run = training.start(*TRAIN)
    training.wait_for_epoch()
    cluster.freeze(training.job)
    second = training.run(*TRAIN, check=False)
    assert second.returncode != 0
    assert "is busy, it is being" in second.stderr
    node = cluster.kill_node(training.job)
    cluster.start_now(training.job)
    assert run.wait(300) == 0, training.said
    assert answer("scontrol", "show", "job", training.job).count(f"BatchHost={node}") == 0
    assert "resuming after step 3 of 6" in training.said
    assert training.project.tensors() == short_run.tensors()
    assert (training.project.root / "dvc.lock").read_bytes() == (short_run.root / "dvc.lock").read_bytes()


def test_cancelled_shard_is_drawn_again(drawing, slow_run):
    """Of two shards one is cancelled: Snakemake submits it again, and what was drawn of it is not drawn twice."""
    run = drawing.start(*SAMPLE)
    drawing.wait_for("outputs/samples/epoch-01/*.png")
    cancelled = shard_job(1)
    subprocess.run(["scancel", cancelled], check=True)
    assert run.wait(300) == 0, drawing.said
    assert f"SLURM-job '{cancelled}' failed" in drawing.said
    assert "pictures were drawn before" in (drawing.project.root / "logs/sample/shard-1.log").read_text()
    assert drawing.project.pictures() == slow_run.pictures()
    assert not (drawing.project.root / "state/sample/drawn").exists()


def test_killed_here_while_drawing_and_started_again(drawing, slow_run):
    """The jobs of the killed run give way to those of the new one."""
    run = drawing.start(*SAMPLE)
    drawing.wait_for("outputs/samples/epoch-01/*.png")
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    drawing.run(*SAMPLE)
    assert drawing.project.pictures() == slow_run.pictures()


def test_what_slurm_says_of_a_shard_is_seen(drawing):
    drawing.shards(2, gres="unicorn:1")
    done = drawing.run(*SAMPLE, check=False)
    assert done.returncode != 0
    assert "Invalid generic resource (gres) specification" in done.stderr, done.stderr


def shard_job(number):
    """The job of a shard that runs."""
    for line in answer("squeue", "-h", "-t", "running", "-o", "%i %k").splitlines():
        job, comment = line.split(maxsplit=1)
        if f"sample_shard_{number}" in comment:
            return job
    raise AssertionError(answer("squeue"))


def test_killed_here_and_started_again(training, cluster, short_run):
    run = training.start(*TRAIN)
    training.wait_for_epoch()
    frozen = cluster.freeze(training.job)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    again = training.start(*TRAIN)
    training.wait_until_it_says(f"train is job {training.job} already; following it")
    for one in frozen:
        one.resume()
    assert again.wait(300) == 0, training.said
    assert training.project.tensors() == short_run.tensors()
    losses = "reports/train/plots/metrics/loss.tsv"
    assert (training.project.root / losses).read_bytes() == (short_run.root / losses).read_bytes()


def test_disk_full_in_training(training, short_run):
    """The disk of the training state fills up: the trainer's words are seen, and with room again it goes on."""
    state = training.project.root / "state/train"
    state.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300m", "none", state], check=True)
    try:
        run = training.start(*TRAIN)
        training.wait_for_epoch()
        subprocess.run(["dd", "if=/dev/zero", f"of={state}/filler", "bs=1M"], capture_output=True)
        assert run.wait(240) != 0
        assert "free space: " in training.said, training.said
        assert not (training.project.root / "outputs/checkpoints").exists()
        (state / "filler").unlink()
        assert "resuming after step 3 of 6" in training.run(*TRAIN).stdout
        assert training.project.tensors() == short_run.tensors()
    finally:
        subprocess.run(["umount", "-l", state], check=True)


def test_cancelled_job_is_named(training):
    run = training.start(*TRAIN)
    training.wait_for("state/run/train-*/job")
    subprocess.run(["scancel", training.job], check=True)
    assert run.wait(120) != 0
    assert f"job {training.job} ended without an exit code" in training.said


def test_what_sbatch_refuses_is_said(training):
    training.describe("--partition=nowhere")
    done = training.run(*TRAIN, check=False)
    assert "error: sbatch: " in done.stderr
    assert "invalid partition specified: nowhere" in done.stderr
