"""The scripts of sh that make a service ready to be started: text from values, carried out elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from shlex import quote

from envman.services import saving
from envman.services.holding import BEGUN, NEW
from envman.services.recipe import filled
from envman.spec.recipe import Recipe, Tool
from envman_vagrant import naming
from envman_vagrant.services import layout
from envman_vagrant.services.layout import Places

_FOREIGN = "foreign"  # begins the line that tells who else wrote the data
RUNS = "runs"  # the line of a service that is as it should be


def variables(where: Places) -> dict[str, str]:
    """The few variables that a server and its tools see: nothing of the project's."""
    return {"PATH": layout.PATH, "LANG": "C.UTF-8", "HOME": where.run, "TMPDIR": layout.LARGE}


def exported(values: Mapping[str, str]) -> str:
    """Lines of sh that set variables; what has a name that no shell can give is left out."""
    named = {name: value for name, value in values.items() if name.isascii() and name.isidentifier()}
    return "".join(f"export {name}={quote(value)}\n" for name, value in named.items())


def command(argv: Iterable[str]) -> str:
    """The last line: sh becomes the command."""
    return f"exec {' '.join(map(quote, argv))}\n"


def of_server(recipe: Recipe, where: Places, known: Mapping[str, str], within: Sequence[str] = ()) -> str:
    """What the unit of a server begins; in an image, if a command leads there."""
    native = recipe.native
    env = variables(where) | {name: filled(value, known) for name, value in native.env.items()}
    # The unit, which systemd starts only once, says that nobody is at work there.
    locks = "".join(f"rm -f {quote(f'{where.data}/{lock}')}\n" for lock in native.locks)
    argv = [*within, *(filled(word, known) for word in native.argv)]
    return f"cd {where.run} || exit\n{locks}{exported(env)}{command(argv)}"


def of_project(argv: Sequence[str], values: Mapping[str, str]) -> str:
    """What the unit of a process of the project begins: in its folder, as every command does."""
    return f". {naming.TOOLS}/environment\n{exported(values)}cd {naming.ROOT} || exit 125\n{command(argv)}"


def unless_it_runs(name: str, where: Places, made_from: str) -> str:
    """Ends the script where the service runs already, as it should."""
    started = f"[ ! {naming.STATE}/notes/packages -nt {where.start} ]"
    asked = f'[ "$(cat {where.notes}/made_from 2>/dev/null)" = {quote(made_from)} ]'
    return f"""\
if {asked} && {started} && systemctl --quiet is-active {layout.unit(name)}; then
  echo {RUNS}
  exit 0
fi
"""


def stopped(names: Iterable[str]) -> str:
    """Ends units, and waits until they have ended."""
    units = " ".join(map(layout.unit, names))
    return f"for _one in {units}; do\n  systemctl --quiet stop $_one 2>/dev/null || true\ndone\n"


def forgotten(names: Iterable[str]) -> str:
    """Removes all but their data."""
    lines = []
    for name in names:
        where = layout.of(name)
        lines.append(f"rm -rf {where.unit} {where.run} {where.notes}\n")
    return "".join(lines)


def folders(where: Places, user: str) -> str:
    """The user of servers, and the folders that every start needs."""
    base = " ".join((naming.STATE, layout.DATA, layout.NOTES))
    return f"""\
id -u {layout.USER} >/dev/null 2>&1 ||
  useradd --system --user-group --no-create-home --home-dir {layout.DATA} --shell /usr/sbin/nologin {layout.USER}
install -d -m 755 {base} {where.notes} {layout.UNITS}
install -d -m 700 -o {layout.USER} -g {layout.USER} {layout.LARGE}
rm -rf {where.run}
install -d -m 700 -o {user} -g "$(id -g {user})" {where.run}
rm -f {where.notes}/made_from
"""


def file(path: str, text: str, user: str) -> str:
    """A file that one user alone may read."""
    owned = f'"$(id -u {user}):$(id -g {user})"'
    return f"printf %s {quote(text)} > {quote(path)}\nchown {owned} {quote(path)}\n"


def unit(where: Places, text: str) -> str:
    """The unit's file, for everybody: it holds no secret."""
    return f"printf %s {quote(text)} > {where.unit}\nchmod 644 {where.unit}\n"


def began(names: Iterable[str]) -> str:
    """Starts units, and waits for none of them."""
    units = " ".join(map(layout.unit, names))
    return (
        f"systemctl daemon-reload\nsystemctl reset-failed {units} 2>/dev/null || true\n"
        f"systemctl start --no-block {units}\n"
    )


def noted(where: Places, facts: Mapping[str, str]) -> str:
    """What is known of a service that is ready."""
    lines = [f"printf %s {quote(value)} > {where.notes}/{name}\n" for name, value in facts.items()]
    return f"install -d -m 755 {where.notes}\n{''.join(lines)}"


def room(port: int, programs: Iterable[str]) -> str:
    """See to it that nobody else holds the port: a server of the system's own is turned off."""
    names = " | ".join(quote(name[:15]) for name in programs)  # the kernel keeps no more of them
    return f"""\
_holder=$(ss -Hltnp "sport = :{port}" 2>/dev/null | sed -n 's/.*pid=\\([0-9]*\\),.*/\\1/p' | head -n 1)
if [ "$_holder" ]; then
  _name=$(cat "/proc/$_holder/comm")
  _unit=$(sed -n 's|^.*/\\([^/]*\\.service\\)$|\\1|p' "/proc/$_holder/cgroup" | head -n 1)
  case $_name in {names}) ;; *) _unit= ;; esac
  case $_unit in
  '' | {naming.UNIT}*)
    echo "port {port} of the machine is held by $_name ($_holder)" >&2
    exit 1 ;;
  esac
  echo "$_unit of the machine's own system is turned off: it holds port {port}"
  systemctl --quiet disable --now "$_unit" 2>/dev/null || systemctl stop "$_unit"
fi
"""


def put_back(where: Places) -> str:
    """What was set aside is the data, unless other data has taken its place; what was half made goes."""
    return f"""\
if [ -e {where.aside} ] && [ ! -e {where.data} ]; then mv {where.aside} {where.data}; fi
rm -rf {where.fresh}
"""


def whole(where: Places) -> str:
    """Sets a variable to the major version that wrote the data; to nothing where it is not whole."""
    return f"""\
_wrote=$(cat {where.data}/{saving.NOTE} 2>/dev/null || true)
[ "$(cat {where.data}/{saving.FILLED} 2>/dev/null || true)" != {BEGUN} ] || _wrote=
"""


def data(
    recipe: Recipe, where: Places, known: Mapping[str, str], major: str, within: str = "", *, afresh: bool = False
) -> str:
    """See to it that there is data, whole, and of the right version; ends with 3 where another one wrote it.

    Afresh, it is new data in any case, and what was there is set aside.
    """
    inner = {**known, "data": where.fresh, "secret": f"{where.run}/template.secret"}
    steps = [*recipe.native.template, *recipe.native.create]
    gone = f"rm -rf {where.aside}; mv {where.data} {where.aside}" if afresh else f"rm -rf {where.data}"
    tools = "".join(_tool(step, where, inner, within) for step in steps)
    return f"""\
{put_back(where)}rm -rf {where.data}.restored
{"_wrote=" if afresh else whole(where).rstrip()}
if [ "$_wrote" ]; then
  if [ "$_wrote" != {quote(major)} ]; then
    printf '{_FOREIGN}\\t%s\\n' "$_wrote"
    exit 3
  fi
else
  install -d -m 700 -o {layout.USER} -g {layout.USER} {where.fresh}
  od -An -N16 -tx1 /dev/urandom | tr -d ' \\n' > {where.run}/template.secret
  chown {layout.USER}: {where.run}/template.secret
{tools}  rm -f {where.run}/template.secret
{notes(where.fresh, major, NEW)}  {gone}
  mv {where.fresh} {where.data}
fi
"""


def foreign(said: str) -> str:
    """Who else wrote the data, by what such a script has said."""
    return next((line.partition("\t")[2] for line in said.splitlines() if line.startswith(f"{_FOREIGN}\t")), "")


def notes(folder: str, major: str, filled_with: str) -> str:
    """The notes that stand in data, and the data its server's alone."""
    return f"""\
  printf '%s\\n' {quote(major)} > {folder}/{saving.NOTE}
  printf '%s\\n' {quote(filled_with)} > {folder}/{saving.FILLED}
  chown -R {layout.USER}: {folder}
  chmod 700 {folder}
"""


def _tool(tool: Tool, where: Places, known: Mapping[str, str], within: str) -> str:
    """One of the server's own tools, as the server's user; what it reads is seen by nobody."""
    # Whoever leads into an image has to ask the engine, and becomes that user inside.
    leads = f"env -i {{env}} {within}" if within else f"runuser -u {layout.USER} -- env -i {{env}}"
    env = " ".join(f"{name}={quote(value)}" for name, value in variables(where).items())
    argv = " ".join(quote(filled(word, known)) for word in tool.argv)
    read = quote(filled(tool.input, known))
    return f"  printf %s {read} | (cd {where.run} && {leads.format(env=env)} {argv})\n"
