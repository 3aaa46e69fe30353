#!/bin/sh
# A stand-in for tests: as the official images, options and a .conf file are for the server, all else is a command.
set -e
case $1 in -* | *.conf) set -- "$SERVER-server" "$@" ;; esac
if [ "$1" = "$SERVER-server" ]; then
  if [ "$(id -u)" = 0 ]; then
    find . \! -user "$SERVER" -exec chown "$SERVER" '{}' +
    exec setpriv --reuid="$SERVER" --regid="$SERVER" --clear-groups -- "$0" "$@"
  fi
  umask 0077
  # Debian's build keeps strangers out unless it has a password; the official images are built to let them in.
  shift
  case ${1:-} in *.conf) file=$1; shift ;; esac
  set -- "$SERVER-server" ${file:+"$file"} --protected-mode no "$@"
fi
exec "$@"
