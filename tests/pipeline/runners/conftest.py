"""A machine that ssh reaches: a real sshd on the loopback address, another user with a home of its own."""

import getpass
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from filelock import FileLock
from runner_cases import USER, WORKER, Box, Near, answer, free_port


def require_programs(*names: str) -> None:
    """Skip the test where one is not installed, or where the daemons could not run as other users; fail it in CI."""
    missing = [name for name in names if not shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")]
    unable = (
        f"not installed: {', '.join(missing)} (apt-get install openssh-server rsync slurm-wlm munge)" if missing else ""
    )
    if getpass.getuser() != "root":
        unable = "only root can start these daemons with users of their own"
    if unable:
        (pytest.fail if "CI" in os.environ else pytest.skip)(unable)


def daemon(*command: str | Path, log: Path, user: str = "root") -> subprocess.Popen[bytes]:
    """Start a server in the foreground; it ends when this process does, however that ends."""
    as_user = () if user == "root" else (f"--reuid={user}", f"--regid={user}", "--clear-groups")
    return subprocess.Popen(
        ["setpriv", *as_user, "--pdeathsig=TERM", *command], stdout=subprocess.DEVNULL, stderr=log.open("w")
    )


USERS = FileLock("/run/sprite-lora-users.lock")
"""useradd and userdel fail where another one is at work."""


def remove_user() -> None:
    """The machine's user with its processes and its home, an earlier run's too."""
    for line in Path("/proc/mounts").read_text().splitlines():
        mounted = line.split()[1]
        if mounted.startswith(f"/home/{USER}/"):
            subprocess.run(["umount", "-l", mounted], check=True)
    subprocess.run(["pkill", "-KILL", "-u", USER], check=False, capture_output=True)
    end = time.monotonic() + 20
    while subprocess.run(["pgrep", "-u", USER], capture_output=True).returncode == 0 and time.monotonic() < end:
        time.sleep(0.05)
    with USERS:
        subprocess.run(["userdel", "-rf", USER], check=False, capture_output=True)


PACKAGES = Path(f"/run/sprite-lora-packages{WORKER}")


def packages_for(user: str) -> Path:
    """This environment's packages, where a user can read them: by a mount where they lie below a closed folder."""
    import torch

    packages = Path(torch.__file__).parents[1]
    if subprocess.run(["su", user, "-c", f"test -r {torch.__file__}"], capture_output=True).returncode == 0:
        return packages
    PACKAGES.mkdir(exist_ok=True)
    remove_mount()
    subprocess.run(["mount", "-o", "bind,ro", packages, PACKAGES], check=True)
    return PACKAGES


def remove_mount() -> None:
    """An earlier run's too."""
    if os.path.ismount(PACKAGES):
        subprocess.run(["umount", "-l", PACKAGES], check=True)


@pytest.fixture(scope="session")
def box(tmp_path_factory):
    """sshd with a key of its own; skipped where there is no sshd or no right to add a user."""
    require_programs("sshd", "rsync", "useradd", "ssh-keygen")
    folder = tmp_path_factory.mktemp("ssh")
    home = Path(f"/home/{USER}")
    remove_user()
    with USERS:
        subprocess.run(["useradd", "-m", "-d", str(home), "-s", "/bin/bash", USER], check=True)
        subprocess.run(["usermod", "-p", "*", USER], check=True)  # no password, but not locked
    for name in ("host", "client"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    port = free_port()
    keys = home / ".ssh/authorized_keys"
    keys.parent.mkdir(mode=0o700)
    shutil.copy(folder / "client.pub", keys)
    shutil.chown(keys.parent, USER, USER)
    shutil.chown(keys, USER, USER)
    # A PATH that leads nowhere near the project's, and a .bashrc that would break a careless shell.
    (home / ".bashrc").write_text("export PATH=/usr/bin:/bin\necho 'welcome to the box' >&2\n")
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder / 'host'}\nPidFile {folder / 'pid'}\n"
        f"AllowUsers {USER}\nPasswordAuthentication no\nUsePAM no\nStrictModes no\nMaxStartups 100\n"
        "Subsystem sftp internal-sftp\n"
    )
    Path("/run/sshd").mkdir(exist_ok=True)
    server = daemon("/usr/sbin/sshd", "-D", "-e", "-f", folder / "sshd_config", log=folder / "log")
    host_key = (folder / "host.pub").read_text().split()[:2]
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {' '.join(host_key)}\n")
    (folder / "config").write_text(
        f"Host box\n  HostName 127.0.0.1\n  Port {port}\n  User {USER}\n  IdentityFile {folder / 'client'}\n"
        f"  IdentitiesOnly yes\n  UserKnownHostsFile {folder / 'known_hosts'}\n"
    )
    ssh = folder / "ssh"  # first on the PATH: ssh reads the configuration of a home folder, whatever HOME says
    ssh.write_text(f'#!/bin/sh\nexec /usr/bin/ssh -F {folder / "config"} "$@"\n')
    ssh.chmod(0o755)
    deadline = time.monotonic() + 20
    while subprocess.run([ssh, "box", "true"], capture_output=True).returncode:
        assert time.monotonic() < deadline, (folder / "log").read_text()
        time.sleep(0.2)
    yield Box(USER, home, folder, port, packages_for(USER))
    server.terminate()
    server.wait()
    remove_user()
    remove_mount()


@pytest.fixture
def near(box, fresh):
    """A short project in which nothing has run yet, with the machine as its runner `box`."""
    return Near(fresh, box)


@pytest.fixture
def near_training(box, project):
    """A finished short project without its checkpoints and its training state."""
    for folder in ("state", "logs", "outputs/checkpoints"):
        shutil.rmtree(project.root / folder)
    return Near(project, box)


SLURM = Path("/etc/slurm")
"""Where Slurm looks for its configuration; Snakemake's plugin takes SLURM_CONF out of the environment."""


OURS = "ClusterName=sprite-lora-tests"

CONFIGURATION = f"""{OURS}
SlurmctldHost=localhost
SlurmUser=root
AuthType=auth/munge
StateSaveLocation={{folder}}/ctld
SlurmdSpoolDir={{folder}}/d-%n
SlurmctldPidFile={{folder}}/ctld.pid
SlurmdPidFile={{folder}}/d-%n.pid
SlurmctldLogFile={{folder}}/ctld.log
SlurmdLogFile={{folder}}/d-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
ReturnToService=2
KillWait=2
MessageTimeout=30
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=5,batch_sched_delay=0
GresTypes=gpu
NodeName=n[1-2] NodeHostname=localhost NodeAddr=127.0.0.1 Port=[17001-17002] CPUs=4 RealMemory=4000 Gres=gpu:1
PartitionName=gpu Nodes=n[1-2] Default=YES MaxTime=INFINITE State=UP
"""


class Cluster:
    """munged, slurmctld and two slurmd, n1 and n2. Each node has a GPU that is /dev/null."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.daemons: dict[str, subprocess.Popen[bytes]] = {}

    def configure(self) -> None:
        for name in ("ctld", "d-n1", "d-n2"):
            (self.folder / name).mkdir()
        (SLURM / "slurm.conf").write_text(CONFIGURATION.format(folder=self.folder))
        (SLURM / "gres.conf").write_text("NodeName=n[1-2] Name=gpu File=/dev/null\n")

    def start(self, name: str, *command: str, user: str = "root") -> None:
        self.daemons[name] = daemon(*command, log=self.folder / f"{name}.err", user=user)

    def start_node(self, node: str) -> None:
        """Start its slurmd, and wait until both nodes take jobs."""
        self.start(node, "/usr/sbin/slurmd", "-D", "-N", node)

    def wait_for_nodes(self) -> None:
        self.wait_for(lambda: answer("sinfo", "-h", "-t", "idle", "-o", "%D") == "2", "two idle nodes")

    def freeze(self, job: str) -> list[psutil.Process]:
        """Let what the job runs stand still, until it is resumed, killed or requeued: the training is short."""
        frozen = processes(job)[1:]
        for one in frozen:
            one.suspend()
        return frozen

    def kill_node(self, job: str) -> str:
        """As if its power went: slurmd, the step daemon of the job and all processes of the job at once. Its name."""
        node = answer("squeue", "-h", "-o", "%N", "-j", job)
        self.daemons[node].kill()
        self.daemons[node].wait()
        for one in processes(job):
            one.kill()
        subprocess.run(["scontrol", "update", f"nodename={node}", "state=down", "reason=killed"], check=True)
        return node

    def start_now(self, job: str) -> None:
        """Slurm itself waits two minutes before it starts a requeued job."""
        self.wait_for(lambda: answer("squeue", "-h", "-o", "%T", "-j", job) == "PENDING", "the requeue")
        subprocess.run(["scontrol", "update", f"jobid={job}", "StartTime=now"], check=True)

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < end, f"waited for {what}: {(self.folder / 'ctld.log').read_text()[-2000:]}"
            time.sleep(0.1)

    def stop(self) -> None:
        for one in reversed(self.daemons.values()):
            one.terminate()
            one.wait()
        for name in ("slurm.conf", "gres.conf"):
            (SLURM / name).unlink()


def processes(job: str) -> list[psutil.Process]:
    """The step daemon of a job, and what it has started."""
    (step,) = (one for one in psutil.process_iter() if one.name() == "slurmstepd" and f"[{job}." in str(one.cmdline()))
    return [step, *step.children(recursive=True)]


def end_jobs() -> None:
    """Jobs outlive the daemons; only where this machine's Slurm is the tests' own."""
    for step in [one for one in psutil.process_iter() if one.name() == "slurmstepd"]:
        for one in [step, *step.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                one.kill()


@pytest.fixture(scope="session")
def cluster_of_two(tmp_path_factory):
    """Slurm with two nodes on this machine; skipped where it cannot be had."""
    require_programs("munged", "slurmctld", "slurmd", "sbatch")
    found = SLURM / "slurm.conf"
    if found.exists() and OURS not in found.read_text():
        pytest.skip("this machine belongs to a Slurm cluster")
    if found.exists():
        end_jobs()  # of a run that was killed
    cluster = Cluster(tmp_path_factory.mktemp("slurm"))
    cluster.configure()
    Path("/run/munge").mkdir(exist_ok=True)
    shutil.chown("/run/munge", "munge", "munge")
    if subprocess.run(["munge", "-n"], capture_output=True).returncode:
        cluster.start("munged", "/usr/sbin/munged", "--foreground", "--force", user="munge")
        cluster.wait_for(lambda: not subprocess.run(["munge", "-n"], capture_output=True).returncode, "munge")
    cluster.start("slurmctld", "/usr/sbin/slurmctld", "-D")
    for node in ("n1", "n2"):
        cluster.start_node(node)
    cluster.wait_for_nodes()
    yield cluster
    cluster.stop()
    end_jobs()


@pytest.fixture
def cluster(cluster_of_two):
    """The same, with nothing in its queue and both nodes up."""
    yield cluster_of_two
    subprocess.run(["scancel", "--user=root"], check=True)
    for node in ("n1", "n2"):
        if cluster_of_two.daemons[node].poll() is not None:
            cluster_of_two.start_node(node)
    cluster_of_two.wait_for(lambda: not answer("squeue", "-h"), "an empty queue")
    cluster_of_two.wait_for_nodes()
