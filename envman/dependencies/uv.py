"""uv: where it is, the environment it runs in, and what its failures mean."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from envman.dependencies import pip_settings
from envman.spec.model import Network

# Flags that mean a project or an environment of somebody else.
_FOREIGN = ("VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT", "UV_PYTHON", "UV_WORKING_DIRECTORY", "CONDA_PREFIX", "PYTHONHOME")
# Settings of the user's that would bend what the lock says.
_BENDING = (
    "UV_CONSTRAINT",
    "UV_OVERRIDE",
    "UV_BUILD_CONSTRAINT",
    "UV_EXCLUDE",
    "UV_NO_EDITABLE",
    "UV_FROZEN",
    "UV_LOCKED",
)
# The variables by which tools are told whom to trust.
TRUSTS = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
_OWN_INDEXES = ("index", "index-url", "extra-index-url", "find-links", "no-index", "pip")


def find() -> str | None:
    """uv's executable: the one that came with envman, else the one on PATH."""
    if os.environ.get("ENVMAN_INSTALLER") == "pip":
        return None
    try:
        import uv

        return str(uv.find_uv_bin())
    except (ImportError, FileNotFoundError):
        return shutil.which("uv")


def _names_indexes(project: Mapping[str, Any], root: Path, environ: Mapping[str, str]) -> bool:
    tools = project.get("tool")
    own = tools.get("uv", {}) if isinstance(tools, dict) else {}
    if isinstance(own, dict) and any(key in own for key in _OWN_INDEXES):
        return True
    config = Path(environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "uv" / "uv.toml"
    return (root / "uv.toml").exists() or config.exists()


def environment(
    environ: Mapping[str, str], root: Path, *, offline: bool, network: Network, project: Mapping[str, Any]
) -> dict[str, str]:
    """The variables for uv: the user's, pip's settings in uv's words, the company's CA, nothing of other tools."""
    variables = {name: value for name, value in environ.items() if name not in (*_FOREIGN, *_BENDING)}
    if not _names_indexes(project, root, environ):
        variables.update(pip_settings.as_uv_variables(environ))
    variables.update(certificates(network, root, environ))
    variables.update({"UV_NO_PROGRESS": "1", "NO_COLOR": "1", "UV_PYTHON_DOWNLOADS": "never"})
    if offline:
        variables["UV_OFFLINE"] = "1"
    return variables


def certificates(network: Network, root: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """What makes uv and pip trust what [network] ca says."""
    if network.ca is False:
        return {}
    if network.ca in ("auto", True):
        # A bundle that the user named is the user's word; else the system's store, where a company puts its own.
        return {} if environ.get("SSL_CERT_FILE") else {"UV_SYSTEM_CERTS": "1"}
    bundle = own_bundle(network, root)
    return dict.fromkeys(TRUSTS, bundle) if bundle else {}


def own_bundle(network: Network, root: Path) -> str | None:
    """The file of certificates that the spec names, if it names one."""
    return str(root / network.ca) if isinstance(network.ca, str) and network.ca != "auto" else None


_FREE_ROOM = "free some room, then run the command again: it resumes here"
_OWN_BUNDLE = 'set [network] ca = "path/of/bundle.pem"'
_CREDENTIALS = "check the index's user and password (netrc, UV_INDEX_*)"
_ONCE_ONLINE = "run it once without --offline"
_CHECK_NETWORK = "check the network, the index's address, or the proxy"
_NOT_CACHED = "something is not in the cache, and --offline forbids to fetch it"
_COMPILER = 'add "build-essential" to [system] packages'
_NO_COMPILER = (
    "No such file or directory: 'gcc'", "No such file or directory: 'cc'", "command 'gcc' failed: No such file",
    "command 'cc' failed: No such file", "unable to execute 'gcc'", "gcc: not found", "cc: not found",
    "Unknown compiler(s)", "No CMAKE_C_COMPILER", "linker `cc` not found",
)  # fmt: skip
_MEANINGS = (
    ("No space left on device", "the disk is full", _FREE_ROOM),
    ("Disk quota exceeded", "the disk quota is used up", _FREE_ROOM),
    ("Read-only file system", "the folder is read-only", "run envman where it may write"),
    ("Permission denied", "a folder may not be written", "look at the owner of the folder named in the log"),
    ("UnknownIssuer", "the server's certificate is not trusted here", _OWN_BUNDLE),
    ("invalid peer certificate", "the server's certificate is not trusted here", _OWN_BUNDLE),
    *((sign, "a package has to be compiled, and there is no compiler", _COMPILER) for sign in _NO_COMPILER),
    ("Failed to build", "a package could not be built", "its output is above; a compiler or a library may be missing"),
    ("401 Unauthorized", "the package index refused the credentials", _CREDENTIALS),
    ("403 Forbidden", "the package index refused the credentials", _CREDENTIALS),
    ("was not found in the package registry", "a package does not exist", "check its name in the spec or requirements"),
    ("was not found in the provided package locations", "a package does not exist", "check its name, or the index"),
    ("network was disabled", _NOT_CACHED, _ONCE_ONLINE),
    ("Network connectivity is disabled", _NOT_CACHED, _ONCE_ONLINE),
    ("dns error", "the package index cannot be reached", _CHECK_NETWORK),
    ("Connection refused", "the package index cannot be reached", _CHECK_NETWORK),
    ("error sending request", "the package index cannot be reached", _CHECK_NETWORK),
    ("No solution found", "no versions satisfy all that is asked for", "loosen one of the requirements above"),
    ("doesn't have a", "a package has no wheel for this Python and platform", "choose another version of it"),
)  # fmt: skip


def meaning(output: str) -> tuple[str, str | None]:
    """What a failure's output comes down to, and what may help."""
    for sign, message, hint in _MEANINGS:
        if sign in output:
            return message, hint
    lines = [line.strip() for line in output.splitlines() if line.startswith("error:")]
    return (lines[0].removeprefix("error:").strip() if lines else "uv did not succeed"), None
