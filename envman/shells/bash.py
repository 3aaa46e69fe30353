"""bash, from the 3.2 of macOS on."""

from __future__ import annotations

import os

from envman.shells.change import Change, Launch
from envman.shells.posix import activation, quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

# The hook is a variable because PROMPT_COMMAND is exported on many machines: where the function is missing, a child
# runs `:`. It is one simple command because bash-preexec takes anything else for a command of the user.
_DIALECT = r"""
_envman_exported() {
    local _envman_flags
    _envman_flags=$(declare -p "$1" 2>/dev/null) || return 1
    _envman_flags=${_envman_flags#declare -}
    case ${_envman_flags%% *} in
        *x*) return 0 ;;
    esac
    return 1
}
_envman_unexport() {
    export -n "$1"
}
_envman_hook() {
    _envman_on_prompt=_envman_prompt
    case ${PROMPT_COMMAND[*]-} in
        *'${_envman_on_prompt-:}'*) return 0 ;;
    esac
    if [ -n "${PROMPT_COMMAND[1]+array}" ]; then
        PROMPT_COMMAND+=('${_envman_on_prompt-:}')
    else
        PROMPT_COMMAND=${PROMPT_COMMAND:+$PROMPT_COMMAND$'\n'}'${_envman_on_prompt-:}'
    fi
}
_envman_unhook() {
    local _envman_index
    unset -v _envman_on_prompt
    if [ -n "${PROMPT_COMMAND[1]+array}" ]; then
        for _envman_index in "${!PROMPT_COMMAND[@]}"; do
            if [ "${PROMPT_COMMAND[_envman_index]}" = '${_envman_on_prompt-:}' ]; then
                unset -v "PROMPT_COMMAND[$_envman_index]"
            fi
        done
    elif [ "${PROMPT_COMMAND-}" = '${_envman_on_prompt-:}' ]; then
        unset -v PROMPT_COMMAND
    elif [ -n "${PROMPT_COMMAND-}" ]; then
        PROMPT_COMMAND=${PROMPT_COMMAND/$'\n''${_envman_on_prompt-:}'/}
    fi
}
"""


def activate(change: Change) -> str:
    """Text for `eval "$(envman activate)"`."""
    return activation(change, _DIALECT)


def launch(change: Change, shell_path: str, folder: str, environ: Mapping[str, str]) -> Launch:
    """An interactive bash whose rc file runs the user's first."""
    # bash reads the whole file before it runs it: removed at once, no secret stays when ~/.bashrc execs or exits.
    text = (
        f"command rm -rf -- {quote(folder)}\n"
        "if [ -r ~/.bashrc ]; then . ~/.bashrc || :; fi\n"
        f"{activation(change, _DIALECT)}"
    )
    return Launch(
        argv=[shell_path, "--rcfile", os.path.join(folder, "bashrc"), "-i"], variables={}, files={"bashrc": text}
    )
