"""zsh."""

from __future__ import annotations

from envman.shells.change import Change, Launch
from envman.shells.posix import activation, quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_DIALECT = r"""
_envman_exported() {
    emulate -L zsh
    [[ ${(Pt)1-} == *export* ]]
}
_envman_unexport() {
    typeset -g +x "$1"
}
_envman_hook() {
    emulate -L zsh
    typeset -ga precmd_functions
    precmd_functions=(${precmd_functions:#_envman_prompt} _envman_prompt)
}
_envman_unhook() {
    emulate -L zsh
    typeset -ga precmd_functions
    precmd_functions=(${precmd_functions:#_envman_prompt})
}
"""

# Between the two shims zsh reads the system's zshrc, and that one takes ZDOTDIR for the user's: the completion cache
# is lent to it (without, compinit takes half a second), and the shim below corrects what it derived.
_ZSHENV = r"""
if [[ -r ${ZDOTDIR-$HOME}/.zshenv ]]; then source "${ZDOTDIR-$HOME}/.zshenv" || :; fi
if [[ -r ${ZDOTDIR-$HOME}/.zcompdump ]]; then command ln -s "${ZDOTDIR-$HOME}/.zcompdump" @FOLDER@/.zcompdump; fi
if (( ${+ZDOTDIR} )); then _envman_zdotdir=$ZDOTDIR; else unset -v _envman_zdotdir; fi
ZDOTDIR=@FOLDER@
"""

_ZSHRC = r"""
command rm -rf -- @FOLDER@
if (( ${+_envman_zdotdir} )); then ZDOTDIR=$_envman_zdotdir; else unset -v ZDOTDIR; fi
unset -v _envman_zdotdir
() {
    emulate -L zsh
    local _envman_name
    for _envman_name in HISTFILE _comp_dumpfile ${(k)parameters[(I)SHELL_SESSION_*]}; do
        if [[ ${(P)_envman_name-} == "$1"/* ]]; then
            typeset -g "$_envman_name=$2/${${(P)_envman_name}#"$1"/}"
        fi
    done
} @FOLDER@ "${ZDOTDIR-$HOME}"
if [[ -r ${ZDOTDIR-$HOME}/.zshrc ]]; then source "${ZDOTDIR-$HOME}/.zshrc" || :; fi
"""


def activate(change: Change) -> str:
    """Text for `eval "$(envman activate)"`."""
    return activation(change, _DIALECT)


def launch(change: Change, shell_path: str, folder: str, environ: Mapping[str, str]) -> Launch:
    """An interactive zsh that finds our shims in ZDOTDIR; each runs the user's file with the user's ZDOTDIR."""
    original = environ.get("ZDOTDIR")
    user_zdotdir = "unset -v ZDOTDIR" if original is None else f"ZDOTDIR={quote(original)}"
    return Launch(
        argv=[shell_path, "-i"],
        variables={"ZDOTDIR": folder},
        files={
            ".zshenv": user_zdotdir + _ZSHENV.replace("@FOLDER@", quote(folder)),
            ".zshrc": _ZSHRC.lstrip("\n").replace("@FOLDER@", quote(folder)) + activation(change, _DIALECT),
        },
    )
