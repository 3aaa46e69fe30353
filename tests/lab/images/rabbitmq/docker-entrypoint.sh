#!/bin/bash
# A stand-in for tests: RABBITMQ_DEFAULT_USER, _PASS and _VHOST are the server's own; their _FILE forms are refused, as the
# official image refuses them since 3.9.
set -euo pipefail
if [[ $1 == rabbitmq* ]] && [ "$(id -u)" = 0 ]; then
  [ "$1" != rabbitmq-server ] || find /var/lib/rabbitmq \! -user rabbitmq -exec chown rabbitmq '{}' +
  exec setpriv --reuid=rabbitmq --regid=rabbitmq --init-groups "$0" "$@"
fi
for old in RABBITMQ_DEFAULT_USER_FILE RABBITMQ_DEFAULT_PASS_FILE RABBITMQ_VM_MEMORY_HIGH_WATERMARK; do
  [ -z "${!old:-}" ] || { echo "error: $old is set but deprecated" >&2; exit 1; }
done
export RUNNING_UNDER_SYSTEMD=true # the script gives way to the server, which then hears the signals
exec "$@"
