"""fish, from 3.0 on."""

from __future__ import annotations

import os

from envman.shells.change import Change, Launch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

# Only global variables are remembered: a universal one is hidden by ours and shows again once ours is erased.
# _ENVMAN_PATH is a list, as fish makes of every variable whose name ends in PATH.
_FUNCTIONS = r"""
function _envman_remember
    for _envman_name in $argv
        if set -qgx $_envman_name
            set -gx _ENVMAN_OLD_$_envman_name $$_envman_name
        else if set -qg $_envman_name
            set -gu _ENVMAN_OLD_$_envman_name $$_envman_name
        end
    end
end
function _envman_restore
    if set -qg _ENVMAN_NAMES
        for _envman_name in (string split ' ' -- $_ENVMAN_NAMES)
            set -l _envman_old _ENVMAN_OLD_$_envman_name
            if set -qgx $_envman_old
                set -gx $_envman_name $$_envman_old
            else if set -qg $_envman_old
                set -gu $_envman_name $$_envman_old
            else
                set -eg $_envman_name
            end
            set -eg $_envman_old
        end
    end
    for _envman_folder in $_ENVMAN_PATH
        if set -l _envman_index (contains -i -- $_envman_folder $PATH)
            set -eg PATH[$_envman_index]
        end
    end
    if functions -q _envman_prompt
        # Whoever has replaced the prompt since keeps theirs.
        if functions fish_prompt | string match -q '*_envman_prompt*'
            functions -e fish_prompt
            functions -c _envman_prompt fish_prompt
        end
        functions -e _envman_prompt
    end
    set -eg _ENVMAN_NAMES
    set -eg _ENVMAN_PATH
    set -eg _ENVMAN_MARK
end
function _envman_mark
    functions -c fish_prompt _envman_prompt
    function fish_prompt
        # The user's prompt comes first because it may show $status.
        set -l _envman_lines (_envman_prompt $argv)
        printf '%s%s\n' $_ENVMAN_MARK (string join \n -- $_envman_lines | string collect)
    end
end
function deactivate
    _envman_restore
    functions -e deactivate _envman_remember _envman_restore _envman_mark
end
"""


def _quote(value: str) -> str:
    """The value as one literal word."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def activate(change: Change) -> str:
    """Text for `envman activate | source`."""
    lines = [
        _FUNCTIONS.strip("\n"),
        "_envman_restore",
        f"_envman_remember {change.names()}",
        f"set -gx _ENVMAN_NAMES {change.names()}",
        *(f"set -gx {name} {_quote(value)}" for name, value in change.settings().items()),
        *(f"set -eg {name}" for name in change.unset),
    ]
    if change.path:
        folders = " ".join(_quote(folder) for folder in change.path)
        lines += [f"set -gx _ENVMAN_PATH {folders}", "set -gx PATH $_ENVMAN_PATH $PATH"]
    lines += [
        'if status is-interactive; and test -z "$ENVMAN_NO_PROMPT$VIRTUAL_ENV_DISABLE_PROMPT"',
        f"    set -gx _ENVMAN_MARK {_quote(change.mark())}",
        "    _envman_mark",
        "end",
    ]
    return "\n".join(lines) + "\n"


def launch(change: Change, shell_path: str, folder: str, environ: Mapping[str, str]) -> Launch:
    """An interactive fish that sources our file after the user's config.fish."""
    # fish reads the whole file before it runs it, so that the file can go at once.
    return Launch(
        argv=[shell_path, "-i", "--init-command", f"source {_quote(os.path.join(folder, 'init.fish'))}"],
        variables={},
        files={"init.fish": f"command rm -rf -- {_quote(folder)}\n{activate(change)}"},
    )
