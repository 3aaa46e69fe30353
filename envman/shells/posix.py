"""What bash, zsh and plain sh have in common: activation as text that all three understand."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envman.shells.change import Change

# What was there before is kept in _ENVMAN_OLD_<name>, exported only if the original was, so that a nested shell can
# reverse the change as well. Each dialect adds _envman_exported, _envman_unexport, _envman_hook and _envman_unhook.
# Positional parameters serve as locals: ksh has no `local`, and a variable of the project may have any name.
_FUNCTIONS = r"""
_envman_remember() {
    while [ $# -gt 0 ]; do
        if eval "[ -n \"\${$1+set}\" ]"; then
            eval "export _ENVMAN_OLD_$1=\"\$$1\""
            _envman_exported "$1" || _envman_unexport "_ENVMAN_OLD_$1"
        fi
        shift
    done
}
_envman_restore() {
    set -- "${_ENVMAN_NAMES:+$_ENVMAN_NAMES }"
    while [ -n "$1" ]; do
        set -- "${1#* }" "${1%% *}"
        # The list may be inherited, and what is evaluated must be a name.
        case $2 in
            '' | [0-9]* | *[!A-Za-z0-9_]*) continue ;;
        esac
        if eval "[ -n \"\${_ENVMAN_OLD_$2+set}\" ]"; then
            eval "export $2=\"\$_ENVMAN_OLD_$2\""
            _envman_exported "_ENVMAN_OLD_$2" || _envman_unexport "$2"
            unset -v "_ENVMAN_OLD_$2"
        else
            unset -v "$2"
        fi
    done
    # Only our folders are taken out, because PATH may have changed since.
    if [ -n "${_ENVMAN_PATH-}" ]; then
        set -- ":$PATH:"
        case $1 in
            *":$_ENVMAN_PATH:"*)
                set -- "${1%%":$_ENVMAN_PATH:"*}:${1#*":$_ENVMAN_PATH:"}"
                set -- "${1#:}"
                export PATH="${1%:}"
                ;;
        esac
    fi
    if [ -n "${_ENVMAN_MARK-}" ]; then
        _envman_unhook
        case ${PS1-} in
            *"$_ENVMAN_MARK"*) PS1=${PS1%%"$_ENVMAN_MARK"*}${PS1#*"$_ENVMAN_MARK"} ;;
        esac
    fi
    unset -v _ENVMAN_NAMES _ENVMAN_PATH _ENVMAN_MARK
}
_envman_prompt() {
    set -- $?
    case ${PS1-} in
        *"$_ENVMAN_MARK"*) ;;
        *) PS1=$_ENVMAN_MARK${PS1-} ;;
    esac
    # Whoever comes next in the hooks sees the user's $?, but under `set -e` returning it would end the shell.
    case $- in
        *e*) ;;
        *) return "$1" ;;
    esac
}
deactivate() {
    _envman_restore
    unset -f deactivate _envman_remember _envman_restore _envman_prompt
    unset -f _envman_exported _envman_unexport _envman_hook _envman_unhook
    hash -r 2>/dev/null || :
}
"""


def quote(value: str) -> str:
    """The value as one literal word."""
    return "'" + value.replace("'", "'\\''") + "'"


def _spell(folder: str) -> str:
    """A folder as a POSIX shell spells it: in Git Bash a drive is a folder, since PATH is separated by colons."""
    if folder[1:3] == ":\\":
        return f"/{folder[0].lower()}/{folder[3:]}".replace("\\", "/")
    return folder


def activation(change: Change, dialect: str) -> str:
    """Text that reverses an earlier activation, remembers what it is about to replace, and makes the change."""
    lines = [
        dialect.strip("\n") + _FUNCTIONS.rstrip("\n"),
        "_envman_restore",
        f"_envman_remember {change.names()}",
        f"export _ENVMAN_NAMES='{change.names()}'",
        *(f"export {name}={quote(value)}" for name, value in change.settings().items()),
        *(f"unset -v {name}" for name in change.unset),
    ]
    if change.path:
        lines += [
            f"export _ENVMAN_PATH={quote(':'.join(_spell(folder) for folder in change.path))}",
            'export PATH="$_ENVMAN_PATH${PATH:+:$PATH}"',
        ]
    lines += [
        "hash -r 2>/dev/null || :",
        "case $-${ENVMAN_NO_PROMPT:+off}${VIRTUAL_ENV_DISABLE_PROMPT:+off} in",
        "    *off) ;;",
        f"    *i*) export _ENVMAN_MARK={quote(change.mark())}; _envman_hook; _envman_prompt ;;",
        "esac",
    ]
    return "\n".join(lines) + "\n"
