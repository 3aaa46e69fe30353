"""How a process elsewhere begins: first it tells its number, then it becomes the command. On the hot path."""

# A script for sh, with the command as its arguments. Where it cannot become the command, it tells why in one word.
SCRIPT = """\
case $1 in
*/*) _envman_at=$1; [ -e "$1" ] || _envman_at= ;;
*) set -f; IFS=:
  for _envman_at in $PATH ''; do
    _envman_at=${_envman_at:+$_envman_at/$1}
    [ -x "$_envman_at" ] && [ ! -d "$_envman_at" ] && break
  done ;;
esac
[ "$_envman_at" ] || { echo missing%(where)s; exit 127; }
{ [ -x "$_envman_at" ] && [ ! -d "$_envman_at" ]; } || { echo forbidden%(where)s; exit 126; }
echo "$$"%(where)s
exec "$@"
"""
