"""What a spec must keep beyond the shape of its keys: its names must lead somewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from envman.spec import recipe
from envman.spec.model import Service, Spec
from envman.spec.shape import Fault, suggestion
from envman.spec.template import references

SERVICE_FACTS = ("url", "host", "port", "user", "password", "name")
PORT_FACTS = ("inside", "host", "bind")
PROJECT_FACTS = ("name", "root")


def faults(spec: Spec) -> Iterator[Fault]:
    """Everything that is wrong between the keys."""
    for name, service in spec.services.items():
        yield from _service_faults(name, service, spec)
    yield from _cycle_faults(spec)
    for name, one in spec.recipes.items():
        yield from recipe.faults(one, ("recipes", name))
    for name, value in spec.env.variables.items():
        for reference in references(value):
            yield from _reference_faults(("env", name), reference, spec)
    wanted: dict[int, str] = {}
    for name, port in spec.ports.items():
        if port.strict and port.port in wanted:
            yield Fault(("ports", name), f"asks strictly for port {port.port}, as ports.{wanted[port.port]} does")
        elif port.strict:
            wanted[port.port] = name


def _service_faults(name: str, service: Service, spec: Spec) -> Iterator[Fault]:
    path = ("services", name)
    kinds = [kind for kind in ("use", "image", "run") if getattr(service, kind) is not None]
    if len(kinds) != 1:
        said = "has none" if not kinds else f"has {' and '.join(kinds)}"
        yield Fault(path, f"needs one of use, image and run, {said}", 'for example: use = "postgres"')
    if service.once and service.run is None:
        yield Fault((*path, "once"), "only a process of the project can be a job", "write run = …, or leave out once")
    for index, needed in enumerate(service.needs):
        if needed not in spec.services:
            yield Fault((*path, "needs", index), f'there is no service "{needed}"', suggestion(needed, spec.services))


def recipe_faults(spec: Spec, recipes: Sequence[str]) -> Iterator[Fault]:
    """Services that ask for a recipe which the catalogue does not have."""
    known = {*recipes, *spec.recipes}
    for name, service in spec.services.items():
        if service.use is not None and service.use not in known:
            hint = suggestion(service.use, known)
            yield Fault(("services", name, "use"), f'there is no recipe "{service.use}" in the catalogue', hint)


def _cycle_faults(spec: Spec) -> Iterator[Fault]:
    done: set[str] = set()

    def walk(name: str, above: Sequence[str]) -> list[str] | None:
        if name in above:
            return [*above[above.index(name) :], name]
        if name in done or name not in spec.services:
            return None
        done.add(name)
        for needed in spec.services[name].needs:
            if circle := walk(needed, [*above, name]):
                return circle
        return None

    for name in spec.services:
        if circle := walk(name, []):
            yield Fault(("services", circle[0], "needs"), f"waits for itself: {' → '.join(circle)}")


def _reference_faults(path: tuple[str, ...], reference: str, spec: Spec) -> Iterator[Fault]:
    kind, *rest = reference.split(".")
    tables = {"services": (spec.services, SERVICE_FACTS), "ports": (spec.ports, PORT_FACTS)}
    if kind == "project":
        if rest not in [[fact] for fact in PROJECT_FACTS]:
            yield Fault(path, f"{{{reference}}} leads nowhere", f"known here: {_listed('project', PROJECT_FACTS)}")
    elif kind not in tables:
        yield Fault(path, f"{{{reference}}} leads nowhere", suggestion(kind, ("services", "ports", "project")))
    else:
        named, facts = tables[kind]
        if rest[0] not in named:
            hint = suggestion(rest[0], named) if named else f"add a table [{kind}]"
            yield Fault(path, f'{{{reference}}} leads nowhere: there is no "{rest[0]}" in {kind}', hint)
        elif rest[1:] not in [[fact] for fact in facts]:
            yield Fault(path, f"{{{reference}}} leads nowhere", f"known here: {_listed(f'{kind}.{rest[0]}', facts)}")


def _listed(prefix: str, facts: Sequence[str]) -> str:
    return ", ".join(f"{{{prefix}.{fact}}}" for fact in facts)
