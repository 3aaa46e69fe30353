"""Where packages come from, for a uv that runs elsewhere: indexes, and the passwords to them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from envman.backend import Job
from envman.dependencies import pip_settings, uv
from envman.network import proxies

_INDEXES = (
    "UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_NO_INDEX",
    "UV_INSECURE_HOST", "UV_INDEX_STRATEGY", "UV_EXCLUDE_NEWER", "UV_PRERELEASE",
)  # fmt: skip
_ADDRESS = re.compile(r"\w+://[^\s\"',]+")


def variables(job: Job) -> dict[str, str]:
    """What tells uv and pip where packages come from, credentials included."""
    project = job.project
    told = uv.environment(
        job.environ, project.root, offline=job.offline, network=project.spec.network, project=project.source.project
    )
    found = {name: value for name, value in told.items() if name in _INDEXES or name.startswith("UV_INDEX_")}
    settings = pip_settings.read(job.environ)
    names = {"index-url": "PIP_INDEX_URL", "extra-index-url": "PIP_EXTRA_INDEX_URL", "trusted-host": "PIP_TRUSTED_HOST"}
    found.update({names[key]: " ".join(value.split()) for key, value in settings.items() if key in names})
    if "PIP_INDEX_URL" not in found and (told.get("UV_DEFAULT_INDEX") or told.get("UV_INDEX_URL")):
        found["PIP_INDEX_URL"] = told.get("UV_DEFAULT_INDEX") or told["UV_INDEX_URL"]
    return {name: value for name, value in found.items() if name != "UV_FIND_LINKS"} | _links(found)


def _links(found: Mapping[str, str]) -> dict[str, str]:
    # Folders of this machine are not there inside.
    links = [
        word for word in found.get("UV_FIND_LINKS", "").split(",") if "://" in word and not word.startswith("file:")
    ]
    return {"UV_FIND_LINKS": ",".join(links)} if links else {}


def lead_here(texts: Iterable[str]) -> bool:
    """Whether an index or a proxy that is named there listens on this machine alone."""
    return any(proxies.on_loopback(address) for text in texts for address in _ADDRESS.findall(text))


def netrc(job: Job) -> Path | None:
    """Where the user keeps the passwords of servers."""
    file = Path(job.environ.get("NETRC") or Path(job.environ.get("HOME") or Path.home()) / ".netrc")
    return file if file.is_file() else None


def ports_here(texts: Iterable[str]) -> list[int]:
    """The ports of such addresses."""
    usual = {"http": 80, "https": 443}
    found = [urlsplit(one) for text in texts for one in _ADDRESS.findall(text) if proxies.on_loopback(one)]
    return sorted({port for one in found if (port := one.port or usual.get(one.scheme))})
