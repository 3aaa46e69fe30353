"""What the copy of a folder in the machine holds, and the ways in which files go there and come back."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from envman import process
from envman.files import content
from envman.frozen import frozen
from envman_vagrant import folder, guest, naming, ssh
from envman_vagrant.folder import GENERATED, GIT, OWN, Stamps

_NOTED = "/run/envman/copied"  # in memory: a machine that has begun anew does not have it
_VANISHED = 24  # files that went while rsync was at work: the next time
_GLOB = str.maketrans({letter: f"\\{letter}" for letter in "\\*?["})


class Failed(Exception):
    """What could not be done, in words."""


@frozen
class There:
    """The copy, as the machine tells it."""

    token: str
    owner: str
    log: str  # of git: how long it is, and its digest
    digest: str
    stamps: Mapping[str, str]


def look(left: Sequence[str], *, token: str = "", known: str = "") -> str:
    """A script that tells what the copy holds; of what is known already, only that it is the same."""
    names = [f"-name {name}" for name in (GIT, *OWN)]
    names += [f"-path {shlex.quote('./' + one.rstrip('/').translate(_GLOB))}" for one in left]
    beyond = " -o ".join([*names, f"-path './{GENERATED}/*' -type d"])
    shown = "\\( -type f -o -type d -o -type l \\) -printf '%y %s %T@ %m\\0%P\\0%l\\0'"
    end = f"cat {_NOTED} 2>/dev/null || true; printf '\\0'; echo {token} > {_NOTED}" if token else ":"
    return f"""\
set -eu
export LC_ALL=C
umask 077
mkdir -p /run/envman
list=/run/envman/.list.$$
trap 'rm -f "$list"' EXIT
cd {naming.ROOT}
find . -ignore_readdir_race -mindepth 1 \\( {beyond} \\) -prune -o {shown} > "$list"
sum=$(sha256sum < "$list" | cut -c 1-64)
if [ "$sum" = "{known}" ]; then printf same; exit; fi
[ "{token}" ] || exit 0
{end}
printf '%s\\0' "$(stat -c %u:%g .)"
log={GIT}/logs/HEAD
[ ! -f $log ] || printf '%s %s' "$(stat -c %s $log)" "$(sha256sum < $log | cut -c 1-64)"
printf '\\0%s\\0' "$sum"
cat "$list"
"""


def there_of(told: bytes) -> There:
    """What it has told."""
    try:
        token, owner, log, digest, *fields = os.fsdecode(told).split("\0")
    except ValueError:
        raise Failed("the machine does not tell what it has") from None
    stamps: Stamps = {}
    for facts, name, link in zip(fields[0::3], fields[1::3], fields[2::3], strict=False):
        kind, size, time, mode = facts.split(" ")
        if ".." in name.split("/") or name.startswith("/"):
            continue  # no file is called so: somebody in there wants one that is not in the folder
        if kind == "d":
            stamps[f"{name}/"] = folder.FOLDER
        elif kind == "l":
            stamps[name] = f"-> {link}"
        else:
            seconds, _, parts = time.partition(".")
            stamps[name] = f"{size} {seconds}{parts[:9]} {int(mode, 8):o}"
    return There(token=token.strip(), owner=owner, log=log, digest=digest, stamps=stamps)


def ask(place: Mapping[str, str], environ: Mapping[str, str], script: str) -> bytes:
    """What the machine answers to a script."""
    return say(place, environ, ssh.AS_ROOT, os.fsencode(script))


def say(place: Mapping[str, str], environ: Mapping[str, str], command: str, told: bytes) -> bytes:
    """What the command answers, byte by byte: names may be anything."""
    source, target = Path(f"{place['copied']}.told.{os.getpid()}"), Path(f"{place['copied']}.said.{os.getpid()}")
    source.write_bytes(told)
    target.unlink(missing_ok=True)
    try:
        words = ssh.words(place, ssh.HOST, command)
        done = process.piped(words, env=ssh.variables(environ), cwd="/", source=source, target=target)
        if done.code:
            hint = guest.meaning(done.output)
            raise Failed((done.last_lines(3) or f"ssh ended with {done.code}") + (f"\n{hint}" if hint else ""))
        return content(target)
    finally:
        source.unlink(missing_ok=True)
        target.unlink(missing_ok=True)


def rsync(place: Mapping[str, str], environ: Mapping[str, str], names: Iterable[str], words: Sequence[str]) -> str:
    """Copy these; what rsync says of it."""
    # A slash at the end would mean what is in the folder, and a name that begins with # a comment.
    told = [f"./{name.rstrip('/')}" for name in names]
    if not told:
        return ""
    file = Path(f"{place['copied']}.names")
    file.write_bytes(os.fsencode("\0".join(told)))
    return run_rsync(place, environ, ["--from0", f"--files-from={file}", "--ignore-missing-args", *words])


def run_rsync(place: Mapping[str, str], environ: Mapping[str, str], words: Sequence[str]) -> str:
    """The same, with words of its own."""
    shell = f"ssh -F {shlex.quote(place['config'])}"
    # Programs in there may have made files as root.
    own = ["rsync", "--archive", "--omit-dir-times", "--rsh", shell, "--rsync-path=sudo -n rsync"]
    done = process.capture([*own, *words], env={**ssh.variables(environ), "LC_ALL": "C"}, cwd="/")
    if done.code not in (0, _VANISHED):
        hint = guest.meaning(done.output)
        raise Failed(done.last_lines(3) + (f"\n{hint}" if hint else ""))
    return done.output


def remove_there(place: Mapping[str, str], environ: Mapping[str, str], names: Sequence[str]) -> None:
    """Remove these from the copy."""
    if not names:
        return
    caches = [f"./{name}__pycache__" for name in names if name.endswith("/")]
    for flags, some in (("-rf", caches), ("-df", [f"./{name}" for name in names])):
        if some:
            # A folder stays where it holds what is not ours.
            command = f"cd {naming.ROOT} && xargs -0 rm {flags} -- 2>/dev/null; exit 0"
            say(place, environ, f"sudo -n sh -c {shlex.quote(command)}", os.fsencode("\0".join(some)))


def remove_here(root: str, names: Sequence[str]) -> None:
    """Remove these from the project's folder."""
    for name in names:
        path = os.path.join(root, name)
        try:
            if name.endswith("/"):
                os.rmdir(path)
            else:
                os.unlink(path)
        except OSError:
            pass  # it is gone, or holds what is not ours
