#!/bin/sh
# A stand-in for tests: the folders are the server's own, as in the official image; the server leaves root by itself.
set -e
[ "$(id -u)" != 0 ] || [ ! -d /mosquitto ] || chown -R mosquitto:mosquitto /mosquitto
exec "$@"
