#!/bin/bash
# What the engine tests need of a bare Debian machine, from Debian's packages: the shells that users have, and servers.
set -euo pipefail
missing=()
for program in zsh fish dash tmux git; do command -v "$program" >/dev/null || missing+=("$program"); done
for server in mariadb:mariadbd nats-server:nats-server mosquitto:mosquitto memcached:memcached rabbitmq-server:rabbitmq-server; do
  PATH="$PATH:/usr/sbin" command -v "${server#*:}" >/dev/null || missing+=("${server%:*}")
done
missing=("${missing[@]/#mariadb/mariadb-server}")
[ ${#missing[@]} -eq 0 ] && exit 0
export DEBIAN_FRONTEND=noninteractive
as_root=(); [ "$(id -u)" -eq 0 ] || as_root=(sudo)
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
