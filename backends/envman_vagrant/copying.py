"""Carries what changed between the project's folder and the copy of it in the machine, in both directions."""

# What git ignores belongs to the side that made it: it is neither copied nor removed. `.git` goes there and does not
# come back: what others could write into it would be carried out here.
from __future__ import annotations

import hashlib
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from envman.backend import Job
from envman.errors import StepFailed
from envman.files import content
from envman_vagrant import copied, folder, guest, ignoring, merge, naming, ssh
from envman_vagrant.copied import There
from envman_vagrant.folder import GENERATED, GIT, Record, Stamps
from envman_vagrant.merge import Decision
from envman_vagrant.operations import CopyFolder

ASIDE = f"{naming.STATE}/replaced"
_ROUNDS = 3  # somebody may be writing all the time
_NO_LOG = ".git//log"  # no file has such a name
_MOST_TOLD = 5


def carry_out(operation: CopyFolder, job: Job) -> str | None:
    """Carry the operation out."""
    _carry(_place(job), job)
    return None


def _place(job: Job) -> dict[str, str]:
    from envman_vagrant import machine

    kind = machine.kind(job).folder.kind
    return {**guest.place(job.project), **folder.place(job.project, kind), "root": str(job.project.root)}


def carry(job: Job, *, made_there: bool = False) -> None:
    """The same in the middle of another step: what changed here goes there, and what was made there comes back."""
    place = _place(job)
    if not (is_as_before(place, job.environ) if made_there else folder.is_carried(place)):
        _carry(place, job)


def _carry(place: Mapping[str, str], job: Job) -> None:
    worked, said = bring(place, job.environ)
    folder.tell(said if worked else said[:-1])
    if not worked:
        raise StepFailed(said[-1])


def last(job: Job) -> None:
    """The machine is about to end: what is written there now comes back, and afterwards nobody is trusted."""
    place = _place(job)
    if not place["copied"] or not ssh.is_open(place):
        return
    guest.attempt(job, f"systemctl stop '{naming.UNIT}*.service'")  # what they write at their end counts
    folder.tell(bring(place, job.environ)[1])


def is_as_before(place: Mapping[str, str], environ: Mapping[str, str]) -> bool:
    """Whether nothing changed in the machine since it was copied."""
    if not place["copied"]:
        return True
    record = folder.read(place["copied"])
    try:
        asked = copied.look(record.left, known=record.there)
        return bool(record.there) and copied.ask(place, environ, asked) == b"same"
    except copied.Failed:
        return True  # who cannot be asked has ended; the next time


def bring(place: Mapping[str, str], environ: Mapping[str, str]) -> tuple[bool, list[str]]:
    """Make both sides the same; whether that worked, and what there is to say."""
    said: list[str] = []
    try:
        with _alone(place["copied"]):
            _bring(place, environ, said)
    except (copied.Failed, OSError) as error:
        return False, [*said, f"the folder could not be copied into the machine: {error}"]
    return True, said


def _bring(place: Mapping[str, str], environ: Mapping[str, str], said: list[str]) -> None:
    record = folder.read(place["copied"])
    before = _read_base(place, record)
    above = {one for name in record.left for one in ignoring.folders_of(name)}
    inner = {one for one in above if ignoring.is_repository(place["root"], one)}
    left = tuple(sorted(ignoring.ignored(place, environ, record.left, inner)))
    was = record.token
    asked: set[str] = set()
    ignored: set[str] = set()
    for _ in range(_ROUNDS):
        seen, here_digest = folder.look(place["root"], left)
        token = os.urandom(8).hex()
        there = copied.there_of(copied.ask(place, environ, copied.look(left, token=token)))
        trusted = bool(was) and there.token == was and bool(there.stamps)
        names = {*seen, *there.stamps} - asked
        ignored |= ignoring.ignored(place, environ, names, ignoring.repositories(seen))
        asked |= names
        here = {name: one for name, one in seen.items() if name not in ignored and _is_carried(name)}
        beyond = {name: one for name, one in there.stamps.items() if name not in ignored and _is_carried(name)}
        done = merge.decide(before, here, beyond, trusted=trusted)
        git = _git(place, before, seen, there, said, trusted=trusted)
        if not done.is_nothing or git:
            _do(place, environ, done, there, said)
            _mirror(place, environ, git, there)
        before = {**merge.settled(before, here, beyond, done), **_known_of_git(place, seen, there, git, before)}
        was = token
        if done.is_nothing and not git:
            break
    else:
        here_digest = ""  # the next time goes on
    topmost = ignoring.topmost(ignored | set(left), {*seen, *there.stamps} - ignored)
    digests = (here_digest, there.digest) if topmost == left else ("", "")
    _write_base(place, was, before)
    folder.write(place["copied"], Record(*digests, was, topmost))
    if topmost != left:  # from now on both sides are looked at without it
        _, here_digest = folder.look(place["root"], topmost)
        there = copied.there_of(copied.ask(place, environ, copied.look(topmost, token=was)))
        folder.write(place["copied"], Record(here_digest, there.digest, was, topmost))


def _do(place: Mapping[str, str], environ: Mapping[str, str], done: Decision, there: There, said: list[str]) -> None:
    target, source = f"{ssh.HOST}:{naming.ROOT}/", f"{place['root']}/"
    owner = f"--chown={there.owner}"
    copied.remove_there(place, environ, done.remove_there)
    copied.remove_here(place["root"], done.remove_here)
    if done.conflicts:
        words = ["--checksum", "--backup", f"--backup-dir={ASIDE}", "--out-format=%i %n", owner]
        told = copied.rsync(place, environ, done.conflicts, [*words, source, target]).splitlines()
        other = [line.partition(" ")[2] for line in told if line.startswith("<f") and "c" in line.partition(" ")[0]]
        said += _kept(other)
    copied.rsync(place, environ, done.push, ["--ignore-times", "--force", owner, source, target])
    facts = os.stat(place["root"])
    mine = [f"--chown={facts.st_uid}:{facts.st_gid}"] if os.geteuid() == 0 else ["--no-owner", "--no-group"]
    copied.rsync(place, environ, done.pull, ["--ignore-times", *mine, target, source])


def _kept(names: Sequence[str]) -> Iterator[str]:
    for name in names[:_MOST_TOLD]:
        yield f"{name} changed here and in the machine: yours is kept, the other one is {ASIDE}/{name} in there"
    if len(names) > _MOST_TOLD:
        yield f"… and {len(names) - _MOST_TOLD} more"


def _is_carried(name: str) -> bool:
    # Whose folder it is, nobody in there can say.
    return not ignoring.is_git(name) and name != f"{GENERATED}/id"


def _git(
    place: Mapping[str, str],
    before: Mapping[str, str],
    seen: Stamps,
    there: There,
    said: list[str],
    *,
    trusted: bool,
) -> list[str]:
    """The repositories that are another one here than what was carried there."""
    now = {name: one for name, one in seen.items() if ignoring.is_git(name)}
    known = {name: one for name, one in before.items() if ignoring.is_git(name) and name != _NO_LOG}
    if now == known and (trusted or not now):
        return []
    if there.log and there.log != before.get(_NO_LOG) and not _begins(place["root"], there.log):
        fetch = f"GIT_SSH_COMMAND='ssh -F {place['config']}' git fetch {ssh.HOST}:{naming.ROOT}"
        line = f"commits made in the machine stay there, and .git is not copied: {fetch}; envman run rm -r .git"
        if line not in said:
            said.append(line)
        return []
    return [f"{one}{GIT}" for one in ignoring.repositories([*now, *known])]


def _begins(root: str, log: str) -> bool:
    """Whether the history here goes on from the one there."""
    size, digest = log.split(" ")
    mine = content(Path(root, GIT, "logs", "HEAD"))[: int(size)]
    return hashlib.sha256(mine).hexdigest() == digest


def _log(root: str) -> str:
    text = content(Path(root, GIT, "logs", "HEAD"))
    return f"{len(text)} {hashlib.sha256(text).hexdigest()}" if text else ""


def _known_of_git(
    place: Mapping[str, str], seen: Stamps, there: There, git: Sequence[str], before: Mapping[str, str]
) -> dict[str, str]:
    if not git:
        return {name: one for name, one in before.items() if ignoring.is_git(name) or name == _NO_LOG}
    return {**{name: one for name, one in seen.items() if ignoring.is_git(name)}, _NO_LOG: _log(place["root"])}


def _mirror(place: Mapping[str, str], environ: Mapping[str, str], git: Sequence[str], there: There) -> None:
    root = place["root"]
    here = [one for one in git if os.path.lexists(os.path.join(root, one))]
    if here:
        sources = [f"{root}/./{one}" for one in here]
        # Two commits in one second leave a branch of the same size: times are compared with their parts.
        exactly = "--modify-window=-1"
        words = ["--relative", "--delete", "--force", "--exclude=*.lock", exactly, f"--chown={there.owner}"]
        copied.run_rsync(place, environ, [*words, *sources, f"{ssh.HOST}:{naming.ROOT}/"])
    gone = [f"./{one}" for one in git if one not in here]
    if gone:
        command = f"cd {naming.ROOT} && xargs -0 rm -rf --"
        copied.say(place, environ, f"sudo -n sh -c {shlex.quote(command)}", os.fsencode("\0".join(gone)))


def _base(place: Mapping[str, str]) -> Path:
    return Path(f"{place['copied']}.base")


def _read_base(place: Mapping[str, str], record: Record) -> dict[str, str]:
    """What both sides held; nothing where that was written together with another record."""
    token, *rows = os.fsdecode(content(_base(place))).split("\0")
    if not record.token or token != record.token:
        return {}
    return dict(zip(rows[0::2], rows[1::2], strict=False))


def _write_base(place: Mapping[str, str], token: str, before: Mapping[str, str]) -> None:
    staged = Path(f"{_base(place)}.new")
    rows = [part for one in before.items() for part in one]
    staged.write_bytes(os.fsencode("\0".join([token, *rows])))
    staged.replace(_base(place))


@contextmanager
def _alone(file: str) -> Iterator[None]:
    """Two commands at once copy one after the other."""
    import fcntl

    with open(f"{file}.lock", "w", encoding="ascii") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
