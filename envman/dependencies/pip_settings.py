"""What the user has told pip about indexes, said to uv in uv's words: uv reads no pip.conf."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

_UV_INDEX_VARIABLES = (
    "UV_INDEX_URL", "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL", "UV_INDEX", "UV_FIND_LINKS", "UV_NO_INDEX",
    "UV_CONFIG_FILE",
)  # fmt: skip


def _config_files(environ: Mapping[str, str]) -> list[Path]:
    named = environ.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return []
    home = Path.home()
    system = [Path("/etc/xdg/pip/pip.conf"), Path("/etc/pip.conf")]
    user = [home / ".pip" / "pip.conf", Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "pip" / "pip.conf"]
    if sys.platform == "darwin":
        system, user = [Path("/Library/Application Support/pip/pip.conf")], [
            *user, home / "Library" / "Application Support" / "pip" / "pip.conf"
        ]  # fmt: skip
    elif sys.platform == "win32":
        system = [Path(environ.get("PROGRAMDATA", "C:/ProgramData")) / "pip" / "pip.ini"]
        user = [home / "pip" / "pip.ini", Path(environ.get("APPDATA", str(home))) / "pip" / "pip.ini"]
    return [*system, *user, *([Path(named)] if named else [])]


def read(environ: Mapping[str, str]) -> dict[str, str]:
    """pip's settings: files in pip's order, then PIP_* variables."""
    settings: dict[str, str] = {}
    for file in filter(Path.is_file, _config_files(environ)):
        import configparser

        parser = configparser.RawConfigParser()
        try:
            parser.read(file, encoding="utf-8")
        except (configparser.Error, OSError, UnicodeDecodeError):
            continue  # pip itself will complain about it; an unreadable file says nothing about indexes
        for section in ("global", "install"):
            if parser.has_section(section):
                settings.update({name.replace("_", "-"): value for name, value in parser.items(section)})
    for name, value in environ.items():
        if name.startswith("PIP_") and name != "PIP_CONFIG_FILE":
            settings[name[4:].lower().replace("_", "-")] = value
    return settings


def as_uv_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment that makes uv use the same indexes; what the user told uv itself stays in force."""
    if any(environ.get(name) for name in _UV_INDEX_VARIABLES):
        return {}
    settings = read(environ)
    told: dict[str, str] = {}
    if settings.get("index-url"):
        told["UV_DEFAULT_INDEX"] = settings["index-url"].strip()
    if settings.get("extra-index-url"):
        told["UV_INDEX"] = " ".join(settings["extra-index-url"].split())
    if settings.get("find-links"):
        told["UV_FIND_LINKS"] = ",".join(settings["find-links"].split())
    if settings.get("no-index", "").lower() in ("1", "true", "yes", "on"):
        told["UV_NO_INDEX"] = "1"
    if settings.get("trusted-host"):
        told["UV_INSECURE_HOST"] = " ".join(settings["trusted-host"].split())
    if settings.get("cert") and not environ.get("SSL_CERT_FILE"):
        told["SSL_CERT_FILE"] = settings["cert"]
    if settings.get("proxy") and not environ.get("ALL_PROXY"):
        told["ALL_PROXY"] = settings["proxy"]
    return told
