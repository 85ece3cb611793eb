"""Git repositories that run a program wherever git lets a repository name one."""

import os
import subprocess
from pathlib import Path

PROGRAMS = (
    "core.fsmonitor", "core.sshCommand", "core.gitProxy", "core.pager", "core.editor", "core.askPass",
    "core.alternateRefsCommand", "pager.log", "pager.status", "pager.diff", "diff.external", "diff.trap.textconv",
    "diff.trap.command", "merge.trap.driver", "filter.trap.clean", "filter.trap.smudge", "filter.trap.process",
    "gpg.program", "gpg.openpgp.program", "gpg.x509.program", "gpg.ssh.program", "gpg.ssh.defaultKeyCommand",
    "credential.helper", "uploadpack.packObjectsHook", "remote.origin.uploadpack", "remote.origin.receivepack",
    "remote.origin.vcs", "trailer.trap.command", "trailer.trap.cmd", "trailer.trap.key", "sequence.editor",
    "interactive.diffFilter", "difftool.trap.cmd", "mergetool.trap.cmd", "sendemail.toCmd", "tar.trap.command",
    "man.trap.cmd", "browser.trap.cmd", "submodule.trap.update", "web.browser", "imap.tunnel", "instaweb.httpd",
)  # fmt: skip
"""Keys whose value is a command, by git's manual (`git help config`)."""

SWITCHES = {
    "log.showSignature": "true", "log.mailmap": "true", "core.untrackedCache": "true", "protocol.allow": "always",
    "protocol.ext.allow": "always", "core.repositoryFormatVersion": "1", "extensions.partialClone": "origin",
    "remote.origin.promisor": "true", "diff.autoRefreshIndex": "true", "diff.ignoreSubmodules": "none",
    "status.submoduleSummary": "true", "submodule.recurse": "true", "diff.submodule": "log",
}  # fmt: skip
"""What makes git use them."""

ATTRIBUTES = "* filter=trap diff=trap merge=trap\n"


def commands(folder: Path, *listed: list[str], at: str = "2025-01-01T00:00:00Z") -> None:
    """Run git commands as a person without configuration."""
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    environment = {**os.environ, "GIT_AUTHOR_DATE": at, "GIT_COMMITTER_DATE": at, "HOME": str(folder)}
    for arguments in listed:
        subprocess.run(["git", *who, *arguments], cwd=folder, check=True, env=environment, capture_output=True)


def trap(repository: Path, place: Path) -> Path:
    """Set every trap in a repository with a commit; returns the file that a program which ran leaves."""
    program, sprung = place / "trap", place / "sprung"
    signature = "echo '[GNUPG:] SIG_CREATED ' >&2\necho '-----BEGIN PGP SIGNATURE-----'\n"
    program.write_text(
        f'#!/bin/sh\ncase "$*" in *-bsau*) cat > /dev/null;; esac\necho "$0 $*" >> \'{sprung}\'\n{signature}'
    )
    program.chmod(0o755)
    commands(repository, ["-c", f"gpg.program={program}", "commit", "-qaS", "--allow-empty", "-m", "signed"])
    git = repository / ".git"
    (git / "hooks").mkdir(exist_ok=True)
    for hook in ("post-index-change", "reference-transaction", "fsmonitor-watchman", "post-checkout", "pre-auto-gc"):
        (git / "hooks" / hook).unlink(missing_ok=True)
        (git / "hooks" / hook).symlink_to(program)
    (git / "info").mkdir(exist_ok=True)
    (git / "info" / "attributes").write_text(ATTRIBUTES)
    (git / "included").write_text(f"[core]\n\tfsmonitor = {program}\n")
    keys = dict.fromkeys(PROGRAMS, str(program)) | SWITCHES
    keys |= {"remote.origin.url": f"ext::{program}", "include.path": "included", "includeIf.gitdir:/.path": "included"}
    keys |= {"alias.trap": f"!{program}", "core.hooksPath": str(git / "hooks")}
    with (git / "config").open("a") as file:
        for key, value in keys.items():
            section, name = key.split(".", 1)[0], key.rsplit(".", 1)[1]
            middle = key[len(section) + 1 : -len(name) - 1]
            head = f'{section} "{middle}"' if middle else section
            file.write(f'[{head}]\n\t{name} = "{value}"\n')
    sprung.unlink(missing_ok=True)
    return sprung
