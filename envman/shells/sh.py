"""Plain POSIX sh: dash, ash, ksh, and what direnv evaluates."""

from __future__ import annotations

import os

from envman.shells.change import Change, Launch
from envman.shells.posix import activation, quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

# POSIX tells what is exported only through a subshell for every variable, and has no hook for the prompt.
_DIALECT = r"""
_envman_exported() { :; }
_envman_unexport() { :; }
_envman_hook() { :; }
_envman_unhook() { :; }
"""


def activate(change: Change) -> str:
    """Text for `eval "$(envman activate --shell sh)"`."""
    return activation(change, _DIALECT)


def launch(change: Change, shell_path: str, folder: str, environ: Mapping[str, str]) -> Launch:
    """An interactive sh reads only the file that ENV names, so ours stands in for the user's."""
    original = environ.get("ENV")
    user_file = "unset -v ENV"
    if original is not None:
        user_file = f"export ENV={quote(original)}\n" + r'if eval "[ -r \"$ENV\" ]"; then eval ". \"$ENV\""; fi'
    text = f"command rm -rf -- {quote(folder)}\n{user_file}\n{activation(change, _DIALECT)}"
    return Launch(argv=[shell_path, "-i"], variables={"ENV": os.path.join(folder, "shrc")}, files={"shrc": text})
