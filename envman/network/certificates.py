"""The certificates that this machine trusts beyond the usual ones: containers need to trust them too."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from envman.errors import wrong_key
from envman.project import Project

# Where administrators put their own, and what of it counts.
_PLACES = (
    Path("/usr/local/share/ca-certificates"),
    Path("/etc/pki/ca-trust/source/anchors"),
    Path("/usr/share/pki/trust/anchors"),
    Path("/etc/ca-certificates/trust-source/anchors"),
)
_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
_USUAL = Path("/etc/ssl/certs/ca-certificates.crt")


def of(project: Project, environ: Mapping[str, str]) -> list[str]:
    """Each certificate as text, in a fixed order."""
    asked = project.spec.network.ca
    if asked is False:
        return []
    if isinstance(asked, str) and asked != "auto":
        return _named(project.root / asked, asked)
    found = [one for place in _PLACES if place.is_dir() for file in sorted(place.rglob("*")) for one in _in(file)]
    named = environ.get("SSL_CERT_FILE")
    if named and Path(named).resolve() != _USUAL.resolve():
        found += _in(Path(named))
    return list(dict.fromkeys(found))


def _named(file: Path, name: str) -> list[str]:
    found = _in(file)
    if not found:
        message = f"{name} has no certificate in it" if file.exists() else f"{name} is not there"
        raise wrong_key(message, "name a file with certificates in PEM form", "network.ca")
    return found


def _in(file: Path) -> list[str]:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return []
    parts = text.split(_BEGIN)[1:]
    return [f"{_BEGIN}{part.partition(_END)[0]}{_END}\n" for part in parts if _END in part]
