#!/bin/sh
# Becomes the command that a variable tells. It comes so, because the words of a command can be seen by everybody.
[ "${ENVMAN_TOLD-}" ] || { echo "envman: the ssh server of this machine does not take our variable" >&2; exit 125; }
_envman_told=$ENVMAN_TOLD
unset ENVMAN_TOLD
[ ! -f /usr/local/lib/envman/environment ] || . /usr/local/lib/envman/environment
eval "$_envman_told"
unset _envman_told _envman_unit _

# ssh would tell of a command that a signal has ended as of a failure of its own: this shell waits for it, and says
# 128 + n. It hears the signals of its group, and what it would say itself of the end nobody needs.
trap : @heard@
exec 3>&2 2>/dev/null
(
exec 2>&3 3>&-
@start@
)
exit $?
