"""A machine that SkyPilot rents, sets up and ends; stages run there by ssh, as on any machine.

SkyPilot is called as the program `sky`: what it pins is its own. It writes the machine's alias into ~/.ssh/config.
SkyPilot takes a machine for idle unless a job of its queue runs there, or somebody has a terminal there, which our ssh
has not. So each stage has such a job, which waits for its end.
"""

import json
import re
import shutil
import subprocess
from pathlib import Path

from sprite_lora.core.errors import SpriteLoraError
from tools.run.runners import SkyRunner, SshRunner
from tools.run.show import say
from tools.run.ssh import NO_CONNECTION, Machine
from tools.run.task import Task
from tools.run.transfer import SSH, require_rsync


def machine(name: str, runner: SshRunner | SkyRunner) -> Machine:
    """The machine of a runner."""
    return SkyMachine(name, runner) if isinstance(runner, SkyRunner) else Machine(name, runner)


class SkyMachine(Machine):
    """Launched where it is not up."""

    def __init__(self, name: str, runner: SkyRunner) -> None:
        self._rented = runner
        self._is_awake = False
        self._host_key = Path("state/run") / f"{runner.cluster}.known_hosts"
        # SkyPilot's alias checks no host key. The first one of a new machine is taken, and checked from then on.
        key = (f"UserKnownHostsFile={self._host_key}", f"HostKeyAlias={runner.cluster}")
        own = ("StrictHostKeyChecking=accept-new", *key)
        super().__init__(name, runner.as_ssh(), (*SSH, *(word for one in own for word in ("-o", one))))

    def run(self, task: Task) -> int:
        """Launch the machine if need be; then as on any machine."""
        require_rsync()
        self.launch()
        return super().run(task)

    def check(self, task: Task) -> int:
        """Launch the machine if need be; then as on any machine."""
        self.launch()
        return super().check(task)

    def jobs(self) -> list[list[str]]:
        """None where the machine is not up."""
        return super().jobs() if self.is_up() else []

    def stop(self) -> str:
        """The machine itself ends when it has been idle."""
        return super().stop() if self.is_up() else f"{self._rented.cluster} is not up"

    def launch(self) -> None:
        """Have the machine up, with the time after which it ends when idle. Raises SpriteLoraError where it fails."""
        rented = self._rented
        if not Path(rented.task).is_file():
            raise SpriteLoraError(f"{self.name}: {rented.task} does not exist", "docs/cloud.md#a-rented-machine")
        was_up = self.is_up()
        if not was_up:
            self._host_key.unlink(missing_ok=True)
            self._host_key.parent.mkdir(parents=True, exist_ok=True)
            say(f"{self.name}: SkyPilot launches {rented.cluster}")
        idle = ("--idle-minutes-to-autostop", str(rented.idle_minutes), *(["--down"] if rented.down else []))
        words = ("launch", "--cluster", rented.cluster, "--yes", "--detach-run", "--fast", *idle, rented.task)
        if subprocess.run([*self._sky(), *words], check=False).returncode:
            if not was_up:
                self._end()
            raise SpriteLoraError(
                f"{self.name}: SkyPilot has not launched {rented.cluster}, and says why above",
                "sky status --refresh lists what still costs money",
            )

    def _end(self) -> None:
        """End a machine whose launch has failed: SkyPilot sets its time only when the setup is through."""
        word = "down" if self._rented.down else "stop"
        done = self._ask(word, "--yes", self._rented.cluster)
        say(f"sky {word} {self._rented.cluster}: {last_line(done)}")

    def is_up(self) -> bool:
        """Whether the machine is up, as the cloud says."""
        words = ("status", self._rented.cluster, "--refresh", "--output", "json")
        asked = self._ask(*words)
        if asked.returncode:  # its server does not run, and the command that starts it does not wait long enough
            self._ask("api", "start")
            asked = self._ask(*words)
        found = re.search(r"^\[.*", asked.stdout, re.MULTILINE | re.DOTALL)
        if asked.returncode or found is None:
            raise SpriteLoraError(f"{self.name}: sky status: {last_line(asked)}", "try: sky status")
        return any(one["name"] == self._rented.cluster and one["status"] == "UP" for one in json.loads(found[0]))

    def _follow(self, task: Task, job: str) -> int:
        if not self._is_awake:
            self._keep_awake(task, job)
        self._is_awake = True
        return super()._follow(task, job)

    def _keep_awake(self, task: Task, job: str) -> None:
        """Keep SkyPilot from taking the machine for idle while the job runs."""
        folder = self.runner.folder if self.runner.folder.startswith("/") else f'"$HOME"/{self.runner.folder}'
        waiting = f'tail --pid="$(cat {folder}/state/run/{job}/pid)" -f /dev/null'
        words = ("exec", self._rented.cluster, "--detach-run", "--name", f"sprite-lora-{task.stage}", waiting)
        held = self._ask(*words)
        if held.returncode:
            minutes = self._rented.idle_minutes
            raise SpriteLoraError(
                f"{self.name}: sky exec: {last_line(held)}",
                f"{task.stage} runs there, but SkyPilot ends the machine after {minutes} minutes: run again at once",
            )

    def _there(self, action: str, job: str, *arguments: str, before: str = "") -> subprocess.CompletedProcess[str]:
        """As on any machine; where it cannot be reached since it has ended, there is nothing to wait for."""
        done = super()._there(action, job, *arguments, before=before)
        if done.returncode == NO_CONNECTION and not self.is_up():
            raise SpriteLoraError(
                f"{self.name}: the machine has ended ({self._rented.cluster})",
                "run again: a new one is launched, and training goes on from the state that came home",
            )
        return done

    def _ask(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*self._sky(), *words], capture_output=True, text=True, errors="replace", check=False)

    def _sky(self) -> tuple[str, ...]:
        """The program, installed or from uvx."""
        if shutil.which("sky"):
            return ("sky",)
        if shutil.which("uvx"):
            extras = ",".join(self._rented.extras)
            return ("uvx", "--from", f"skypilot[{extras}]=={self._rented.version}", "sky")
        raise SpriteLoraError(f"{self.name}: sky is not installed", "uv tool install 'skypilot[runpod]'")


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    """What a program said last: mostly its reason."""
    return (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()[-1]
