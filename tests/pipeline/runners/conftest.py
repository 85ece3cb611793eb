"""A machine that ssh reaches: a real sshd on the loopback address, another user with a home of its own."""

import getpass
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest
from runner_cases import USER, Box, Near


def require_programs(*names: str) -> None:
    """Skip the test where one is not installed, or where the daemons could not run as other users; fail it in CI."""
    missing = [name for name in names if not shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")]
    unable = f"not installed: {', '.join(missing)} (apt-get install openssh-server rsync slurm-wlm)" if missing else ""
    if getpass.getuser() != "root":
        unable = "only root can start these daemons with users of their own"
    if unable:
        (pytest.fail if "CI" in os.environ else pytest.skip)(unable)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture(scope="session")
def box(tmp_path_factory):
    """sshd with a key of its own; skipped where there is no sshd or no right to add a user."""
    require_programs("sshd", "rsync", "useradd", "ssh-keygen")
    folder = tmp_path_factory.mktemp("ssh")
    home = Path(f"/home/{USER}")
    subprocess.run(["userdel", "-rf", USER], check=False, capture_output=True)
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
    server = subprocess.Popen(
        ["/usr/sbin/sshd", "-D", "-e", "-f", str(folder / "sshd_config")], stderr=(folder / "log").open("w")
    )
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
    yield Box(USER, home, folder, port)
    server.terminate()
    server.wait()
    subprocess.run(["pkill", "-KILL", "-u", USER], check=False)
    time.sleep(0.2)
    subprocess.run(["userdel", "-rf", USER], check=False, capture_output=True)


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


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """Slurm with two nodes on this machine: munged, slurmctld and two slurmd; skipped where it cannot be had.

    Each node has a GPU that is /dev/null.
    """
    require_programs("munged", "slurmctld", "slurmd", "sbatch")
    if (SLURM / "slurm.conf").exists():
        pytest.skip("this machine belongs to a Slurm cluster")
    folder = tmp_path_factory.mktemp("slurm")
    for name in ("ctld", "d-n1", "d-n2"):
        (folder / name).mkdir()
    (SLURM / "slurm.conf").write_text(
        f"""ClusterName=loopback
SlurmctldHost=localhost
SlurmUser=root
AuthType=auth/munge
StateSaveLocation={folder}/ctld
SlurmdSpoolDir={folder}/d-%n
SlurmctldPidFile={folder}/ctld.pid
SlurmdPidFile={folder}/d-%n.pid
SlurmctldLogFile={folder}/ctld.log
SlurmdLogFile={folder}/d-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
ReturnToService=2
KillWait=2
SlurmdParameters=config_overrides
GresTypes=gpu
NodeName=n[1-2] NodeHostname=localhost NodeAddr=127.0.0.1 Port=[17001-17002] CPUs=4 RealMemory=4000 Gres=gpu:1
PartitionName=gpu Nodes=n[1-2] Default=YES MaxTime=INFINITE State=UP
"""
    )
    (SLURM / "gres.conf").write_text("NodeName=n[1-2] Name=gpu File=/dev/null\n")
    Path("/run/munge").mkdir(exist_ok=True)
    shutil.chown("/run/munge", "munge", "munge")
    munge_is_ours = subprocess.run(["munge", "-n"], capture_output=True).returncode != 0
    if munge_is_ours:
        subprocess.run(["runuser", "-u", "munge", "--", "munged"], check=True)
    daemons = [
        subprocess.Popen(["/usr/sbin/slurmctld", "-D"], stderr=subprocess.DEVNULL),
        *(subprocess.Popen(["/usr/sbin/slurmd", "-D", "-N", node], stderr=subprocess.DEVNULL) for node in ("n1", "n2")),
    ]
    end = time.monotonic() + 60
    while (
        subprocess.run(["sinfo", "-h", "-t", "idle", "-o", "%D"], capture_output=True, text=True).stdout.strip() != "2"
    ):
        assert time.monotonic() < end, (folder / "ctld.log").read_text()
        time.sleep(0.5)
    yield folder
    subprocess.run(["scancel", "--user=root"], check=False)
    time.sleep(1)
    for daemon in reversed(daemons):
        daemon.terminate()
        daemon.wait()
    if munge_is_ours:
        subprocess.run(["pkill", "-x", "munged"], check=False)
    for name in ("slurm.conf", "gres.conf"):
        (SLURM / name).unlink()
