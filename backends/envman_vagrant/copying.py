"""Carries what changed between the project's folder and the copy of it in the machine, in both directions."""

# What git ignores belongs to the side that made it: it is neither copied nor removed. `.git` goes there and does not
# come back: what others could write into it would be carried out here.
from __future__ import annotations

import hashlib
import os
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from envman import process
from envman.backend import Job
from envman.errors import StepFailed
from envman.files import content
from envman.frozen import frozen
from envman_vagrant import folder, guest, merge, naming, ssh
from envman_vagrant.folder import GENERATED, GIT, OWN, Record, Stamps
from envman_vagrant.merge import Decision
from envman_vagrant.operations import CopyFolder

ASIDE = f"{naming.STATE}/replaced"
_NOTED = "/run/envman/copied"  # in memory: a machine that has begun anew does not have it
_ROUNDS = 3  # somebody may be writing all the time
_MOST_LEFT = 64  # what neither side looks into: each name is compared with each file
_NO_LOG = ".git//log"  # no file has such a name
_VANISHED = 24  # files that went while rsync was at work: the next time
_GLOB = str.maketrans({letter: f"\\{letter}" for letter in "\\*?["})
_MOST_TOLD = 5


class _Failed(Exception):
    """What could not be done, in words."""


@frozen
class _There:
    """The copy, as the machine tells it."""

    token: str
    owner: str
    log: str  # of git: how long it is, and its digest
    digest: str
    stamps: Mapping[str, str]


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
        return bool(record.there) and _ask(place, environ, _look(record.left, known=record.there)) == b"same"
    except _Failed:
        return True  # who cannot be asked has ended; the next time


def bring(place: Mapping[str, str], environ: Mapping[str, str]) -> tuple[bool, list[str]]:
    """Make both sides the same; whether that worked, and what there is to say."""
    said: list[str] = []
    try:
        with _alone(place["copied"]):
            _bring(place, environ, said)
    except (_Failed, OSError) as error:
        return False, [*said, f"the folder could not be copied into the machine: {error}"]
    return True, said


def _bring(place: Mapping[str, str], environ: Mapping[str, str], said: list[str]) -> None:
    record = folder.read(place["copied"])
    before = _read_base(place, record)
    inner = {above for one in record.left for above in _folders_of(one) if _is_repository(place["root"], above)}
    left = tuple(sorted(_ignored(place, environ, record.left, inner)))
    was = record.token
    asked: set[str] = set()
    ignored: set[str] = set()
    for _ in range(_ROUNDS):
        seen, here_digest = folder.look(place["root"], left)
        token = os.urandom(8).hex()
        there = _there(_ask(place, environ, _look(left, token=token)))
        trusted = bool(was) and there.token == was and bool(there.stamps)
        names = {*seen, *there.stamps} - asked
        ignored |= _ignored(place, environ, names, _repositories(seen))
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
    topmost = _topmost(ignored | set(left), {*seen, *there.stamps} - ignored)
    digests = (here_digest, there.digest) if topmost == left else ("", "")
    _write_base(place, was, before)
    folder.write(place["copied"], Record(*digests, was, topmost))
    if topmost != left:  # from now on both sides are looked at without it
        _, here_digest = folder.look(place["root"], topmost)
        there = _there(_ask(place, environ, _look(topmost, token=was)))
        folder.write(place["copied"], Record(here_digest, there.digest, was, topmost))


def _do(place: Mapping[str, str], environ: Mapping[str, str], done: Decision, there: _There, said: list[str]) -> None:
    target, source = f"{ssh.HOST}:{naming.ROOT}/", f"{place['root']}/"
    owner = f"--chown={there.owner}"
    _remove_there(place, environ, done.remove_there)
    _remove_here(place["root"], done.remove_here)
    if done.conflicts:
        words = ["--checksum", "--backup", f"--backup-dir={ASIDE}", "--out-format=%i %n", owner]
        told = _rsync(place, environ, done.conflicts, [*words, source, target]).splitlines()
        other = [line.partition(" ")[2] for line in told if line.startswith("<f") and "c" in line.partition(" ")[0]]
        said += _kept(other)
    _rsync(place, environ, done.push, ["--ignore-times", "--force", owner, source, target])
    facts = os.stat(place["root"])
    mine = [f"--chown={facts.st_uid}:{facts.st_gid}"] if os.geteuid() == 0 else ["--no-owner", "--no-group"]
    _rsync(place, environ, done.pull, ["--ignore-times", *mine, target, source])


def _kept(names: Sequence[str]) -> Iterator[str]:
    for name in names[:_MOST_TOLD]:
        yield f"{name} changed here and in the machine: yours is kept, the other one is {ASIDE}/{name} in there"
    if len(names) > _MOST_TOLD:
        yield f"… and {len(names) - _MOST_TOLD} more"


def _rsync(place: Mapping[str, str], environ: Mapping[str, str], names: Iterable[str], words: Sequence[str]) -> str:
    # A slash at the end would mean what is in the folder, and a name that begins with # a comment.
    told = [f"./{name.rstrip('/')}" for name in names]
    if not told:
        return ""
    file = Path(f"{place['copied']}.names")
    file.write_bytes(os.fsencode("\0".join(told)))
    return _run_rsync(place, environ, ["--from0", f"--files-from={file}", "--ignore-missing-args", *words])


def _run_rsync(place: Mapping[str, str], environ: Mapping[str, str], words: Sequence[str]) -> str:
    shell = f"ssh -F {shlex.quote(place['config'])}"
    # Programs in there may have made files as root.
    own = ["rsync", "--archive", "--omit-dir-times", "--rsh", shell, "--rsync-path=sudo -n rsync"]
    done = process.capture([*own, *words], env={**ssh.variables(environ), "LC_ALL": "C"}, cwd="/")
    if done.code not in (0, _VANISHED):
        hint = guest.meaning(done.output)
        raise _Failed(done.last_lines(3) + (f"\n{hint}" if hint else ""))
    return done.output


def _remove_there(place: Mapping[str, str], environ: Mapping[str, str], names: Sequence[str]) -> None:
    if not names:
        return
    caches = [f"./{name}__pycache__" for name in names if name.endswith("/")]
    for flags, some in (("-rf", caches), ("-df", [f"./{name}" for name in names])):
        if some:
            # A folder stays where it holds what is not ours.
            command = f"cd {naming.ROOT} && xargs -0 rm {flags} -- 2>/dev/null; exit 0"
            _say(place, environ, f"sudo -n sh -c {shlex.quote(command)}", os.fsencode("\0".join(some)))


def _remove_here(root: str, names: Sequence[str]) -> None:
    for name in names:
        path = os.path.join(root, name)
        try:
            if name.endswith("/"):
                os.rmdir(path)
            else:
                os.unlink(path)
        except OSError:
            pass  # it is gone, or holds what is not ours


# --- git --------------------------------------------------------------------------------------------------------------


def _is_git(name: str) -> bool:
    return GIT in name.rstrip("/").split("/")


def _is_carried(name: str) -> bool:
    # Whose folder it is, nobody in there can say.
    return not _is_git(name) and name != f"{GENERATED}/id"


def _is_repository(root: str, place: str) -> bool:
    return os.path.lexists(os.path.join(root, place, GIT))


def _repositories(names: Iterable[str]) -> list[str]:
    """The folders that a repository of their own begins in."""
    found = (name.rstrip("/") for name in names)
    return sorted({name[: -len(GIT)] for name in found if name == GIT or name.endswith(f"/{GIT}")})


def _git(
    place: Mapping[str, str],
    before: Mapping[str, str],
    seen: Stamps,
    there: _There,
    said: list[str],
    *,
    trusted: bool,
) -> list[str]:
    """The repositories that are another one here than what was carried there."""
    now = {name: one for name, one in seen.items() if _is_git(name)}
    known = {name: one for name, one in before.items() if _is_git(name) and name != _NO_LOG}
    if now == known and (trusted or not now):
        return []
    if there.log and there.log != before.get(_NO_LOG) and not _begins(place["root"], there.log):
        fetch = f"GIT_SSH_COMMAND='ssh -F {place['config']}' git fetch {ssh.HOST}:{naming.ROOT}"
        line = f"commits made in the machine stay there, and .git is not copied: {fetch}; envman run rm -r .git"
        if line not in said:
            said.append(line)
        return []
    return [f"{one}{GIT}" for one in _repositories([*now, *known])]


def _begins(root: str, log: str) -> bool:
    """Whether the history here goes on from the one there."""
    size, digest = log.split(" ")
    mine = content(Path(root, GIT, "logs", "HEAD"))[: int(size)]
    return hashlib.sha256(mine).hexdigest() == digest


def _log(root: str) -> str:
    text = content(Path(root, GIT, "logs", "HEAD"))
    return f"{len(text)} {hashlib.sha256(text).hexdigest()}" if text else ""


def _known_of_git(
    place: Mapping[str, str], seen: Stamps, there: _There, git: Sequence[str], before: Mapping[str, str]
) -> dict[str, str]:
    if not git:
        return {name: one for name, one in before.items() if _is_git(name) or name == _NO_LOG}
    return {**{name: one for name, one in seen.items() if _is_git(name)}, _NO_LOG: _log(place["root"])}


def _mirror(place: Mapping[str, str], environ: Mapping[str, str], git: Sequence[str], there: _There) -> None:
    root = place["root"]
    here = [one for one in git if os.path.lexists(os.path.join(root, one))]
    if here:
        sources = [f"{root}/./{one}" for one in here]
        words = ["--relative", "--delete", "--force", "--exclude=*.lock", f"--chown={there.owner}"]
        _run_rsync(place, environ, [*words, *sources, f"{ssh.HOST}:{naming.ROOT}/"])
    gone = [f"./{one}" for one in git if one not in here]
    if gone:
        command = f"cd {naming.ROOT} && xargs -0 rm -rf --"
        _say(place, environ, f"sudo -n sh -c {shlex.quote(command)}", os.fsencode("\0".join(gone)))


def _ignored(
    place: Mapping[str, str], environ: Mapping[str, str], names: Iterable[str], inner: Iterable[str]
) -> set[str]:
    """Which of these git ignores; everything below a folder that it ignores is among them."""
    asked = [name for name in names if not _is_git(name) and name.partition("/")[0] != GENERATED]
    if not asked:
        return set()
    wanted = set(place.get("wanted", "").split("\n"))
    inner = sorted(one for one in inner if one)
    found: set[str] = set()
    for base in ["", *inner]:
        mine = [name for name in asked if _innermost(name, inner) == base] if inner else asked
        told = "\0".join(name[len(base) :] for name in mine)
        if told:
            found |= {f"{base}{name}" for name in _asked(place, environ, base, told)}
    return {name for name in found if name not in wanted}


def _innermost(name: str, repositories: Sequence[str]) -> str:
    return max((one for one in repositories if name.startswith(one) and name != one), key=len, default="")


def _asked(place: Mapping[str, str], environ: Mapping[str, str], base: str, told: str) -> set[str]:
    """What the repository ignores of these names; what it knows already it does not."""
    where = os.path.join(place["root"], base)
    # What a repository says is to be started by git is not.
    words = ["git", "-c", "safe.directory=*", "-c", "core.fsmonitor=false", "-C", where]
    asked = Path(f"{place['copied']}.asked")
    asked.write_bytes(os.fsencode(told))
    # With the index, each name would be compared with every other.
    found = _names(place, environ, [*words, "check-ignore", "--no-index", "-z", "--stdin"], asked)
    return found - _names(place, environ, [*words, "ls-files", "-z"], Path(os.devnull)) if found else found


def _names(place: Mapping[str, str], environ: Mapping[str, str], words: Sequence[str], source: Path) -> set[str]:
    answer = Path(f"{place['copied']}.answer")
    answer.unlink(missing_ok=True)
    env = {name: environ[name] for name in ("PATH", "HOME", "XDG_CONFIG_HOME") if name in environ}
    try:
        done = process.piped(words, env=env, cwd="/", source=source, target=answer)
    except OSError:  # git is not here
        return set()
    return set(os.fsdecode(content(answer)).split("\0")[:-1]) if done.code == 0 else set()


def _topmost(ignored: set[str], carried: set[str]) -> tuple[str, ...]:
    """What need not be looked into: folders that git ignores, with nothing in them that it knows; then single files."""
    within = {above for name in carried for above in _folders_of(name)}
    folders = {name for name in ignored if name.endswith("/") and name not in within}
    found = [one for one in sorted(ignored, key=lambda one: (not one.endswith("/"), one)) if one not in within]
    return tuple(sorted([one for one in found if not folders & set(_folders_of(one))][:_MOST_LEFT]))


def _folders_of(name: str) -> Iterator[str]:
    parts = name.rstrip("/").split("/")[:-1]
    return ("/".join(parts[: count + 1]) + "/" for count in range(len(parts)))


# --- the machine ------------------------------------------------------------------------------------------------------


def _look(left: Sequence[str], *, token: str = "", known: str = "") -> str:
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


def _there(told: bytes) -> _There:
    try:
        token, owner, log, digest, *fields = os.fsdecode(told).split("\0")
    except ValueError:
        raise _Failed("the machine does not tell what it has") from None
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
    return _There(token=token.strip(), owner=owner, log=log, digest=digest, stamps=stamps)


def _ask(place: Mapping[str, str], environ: Mapping[str, str], script: str) -> bytes:
    return _say(place, environ, "sudo -n sh -s", os.fsencode(script))


def _say(place: Mapping[str, str], environ: Mapping[str, str], command: str, told: bytes) -> bytes:
    """What the command answers, byte by byte: names may be anything."""
    source, target = Path(f"{place['copied']}.told.{os.getpid()}"), Path(f"{place['copied']}.said.{os.getpid()}")
    source.write_bytes(told)
    target.unlink(missing_ok=True)
    try:
        words = ssh.words(place, ssh.HOST, command)
        done = process.piped(words, env=ssh.variables(environ), cwd="/", source=source, target=target)
        if done.code:
            hint = guest.meaning(done.output)
            raise _Failed((done.last_lines(3) or f"ssh ended with {done.code}") + (f"\n{hint}" if hint else ""))
        return content(target)
    finally:
        source.unlink(missing_ok=True)
        target.unlink(missing_ok=True)


# --- what is remembered -----------------------------------------------------------------------------------------------


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
