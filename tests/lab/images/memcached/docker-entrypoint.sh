#!/bin/sh
# A stand-in for tests: as the official image, options are for the server, all else is a command.
case $1 in -*) set -- memcached "$@" ;; esac
exec "$@"
