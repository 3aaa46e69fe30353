#!/bin/bash
# Proves that the lab is what it says: every image is pulled anew, every server starts with the documented variables and
# answers a client that comes from outside its container, with a password where the image takes one.
#   usage: docker.sh check [IMAGE…]     it leaves neither containers nor images behind, but those that were there
set -euo pipefail
cd "$(dirname "$0")"
if [ $# -ne 1 ]; then
  [ $# -gt 0 ] || set -- $(bash build.sh list | grep -v ' ')
  printf '%s\n' "$@" | xargs -P "$(nproc)" -n 1 bash check.sh
  exit
fi

kind=${1%%:*} kind=${kind##*/} kind=${kind#eclipse-} run=envman-lab-$$ tmp=$(mktemp -d) kept=$(docker images -q "$1")
finish() {
  local code=$?
  set +e; exec >&4 2>&1 # a failing line ends the script where its words still go to the file
  [ $code -eq 0 ] && printf 'ok      %-27s %s\n' "$image" "$(head -n 1 "$tmp/said")" ||
    { printf 'FAILED  %s\n' "$image"; tail -qn 5 "$tmp/said" | sed 's/^/        /'; docker logs --tail 5 "$run" 2>&1 | sed 's/^/        | /'; }
  docker ps -aq --filter "label=envman-lab=$run" | xargs -r docker rm -f -v >/dev/null
  [ -n "$kept" ] || docker rmi "$image" >/dev/null 2>&1
  docker network rm "$run" >/dev/null 2>&1; rm -rf "$tmp"
  exit $code
}
image=$1
exec 4>&1
trap finish EXIT
echo 'p@ss $w"ord' >"$tmp/password"; chmod 600 "$tmp/password"
password=$(cat "$tmp/password")

up() { docker run --detach --label "envman-lab=$run" --network "$run" "$@" >/dev/null; }                      # OPTIONS… IMAGE ARGUMENTS…
client() { docker run --rm --label "envman-lab=$run" --network "$run" --entrypoint "" "$@" 2>&1; }            # the same
answers() { # SECONDS COMMAND…: prints what the command says when it succeeds at last
  local until=$((SECONDS + $1)) said
  shift
  until said=$("$@" 2>&1); do [ $SECONDS -lt $until ] || { echo "$said" | tail -n 3; return 1; }; sleep 0.2; done
  echo "$said" | tail -n 1
}

debian() { client "$1" sh -c '. /etc/os-release; echo "$PRETTY_NAME"'; }
alpine() { client "$1" sh -c 'echo "Alpine $(cat /etc/alpine-release) by name alone"'; }
python() { client "$1" /usr/local/bin/python -c '
import bz2, ctypes, lzma, sqlite3, ssl, subprocess, sys, tempfile, venv, zlib
venv.create(tempfile.mkdtemp(), with_pip=True)
print(sys.version.split()[0], subprocess.check_output(["pip", "--version"], text=True).split(" from")[0])'; }
postgres() { # a password from a file, a script, and the data where that version has it
  mkdir -p "$tmp/initdb"; echo 'CREATE TABLE seen (x int);' >"$tmp/initdb/1.sql"
  up --name "$run" -e POSTGRES_USER=ann -e POSTGRES_DB=shop -e POSTGRES_PASSWORD_FILE=/password \
    -v "$tmp/password:/password:ro" -v "$tmp/initdb:/docker-entrypoint-initdb.d:ro" "$1"
  answers 30 client -e PGPASSWORD="$password" "$1" psql -h "$run" -U ann shop -Atc "TABLE seen; SELECT version()" | cut -d' ' -f1-2
  docker exec "$run" sh -c 'test -s "$PGDATA/PG_VERSION" && pg_isready -q'
  ! client -e PGPASSWORD=wrong "$1" psql -h "$run" -U ann shop -c "SELECT 1" >/dev/null
}
mariadb() {
  up --name "$run" -e MARIADB_RANDOM_ROOT_PASSWORD=1 -e MARIADB_DATABASE=my_shop -e MARIADB_USER=ann -e MARIADB_PASSWORD_FILE=/password \
    -v "$tmp/password:/password:ro" "$1"
  answers 60 client -e MYSQL_PWD="$password" "$1" mariadb -h "$run" -u ann my_shop -BNe "CREATE TABLE seen (x int); SELECT version()"
  docker exec "$run" healthcheck.sh --connect --innodb_initialized
  ! client -e MYSQL_PWD=wrong "$1" mariadb -h "$run" -u ann my_shop -e "SELECT 1" >/dev/null
}
redis() {
  up --name "$run" "$1" "$kind-server" --requirepass secret
  answers 20 client -e REDISCLI_AUTH=secret "$1" sh -c "redis-cli -h $run set a b | grep -q OK && redis-cli -h $run info server | grep -E '^(redis|valkey)_version' | tail -n 1"
  up --name "$run-open" "$1"
  answers 20 client "$1" redis-cli -h "$run-open" ping >/dev/null
  ! client "$1" redis-cli -h "$run" ping | grep -q PONG
}
valkey() { redis "$@"; }
rabbitmq() { # asked as its own user: a client of root that comes before the server leaves a cookie that the server cannot read
  up --name "$run" -e RABBITMQ_DEFAULT_USER=ann -e RABBITMQ_DEFAULT_PASS=secret "$1"
  answers 60 docker exec --user rabbitmq "$run" sh -c 'rabbitmq-diagnostics -q check_port_connectivity && rabbitmqctl -q authenticate_user ann secret && rabbitmqctl -q version'
}
through() { # PORT TEXT CONTAINER: the server's words to that text, over a published port
  local address
  address=$(docker port "$3" "$1" | head -n 1)
  exec 3<>"/dev/tcp/${address%:*}/${address##*:}"; printf "$2" >&3; timeout 5 head -n "$4" <&3 | tr -d '\r'
}
memcached() { up --name "$run" -p 127.0.0.1::11211 "$1" -m 32; answers 10 through 11211 'version\r\n' "$run" 1; }
nats() {
  up --name "$run" -p 127.0.0.1::4222 "$1" --user ann --pass secret
  answers 10 through 4222 'CONNECT {"user":"ann","pass":"secret","verbose":true}\r\nPING\r\n' "$run" 3 >"$tmp/nats"
  grep -q PONG "$tmp/nats" && docker logs "$run" 2>&1 | grep -o 'Version: .*'
}
rclone() {
  up --name "$run" -p 127.0.0.1::9000 "$1" serve s3 --addr :9000 --auth-key ann,secret /data
  answers 10 through 9000 'GET / HTTP/1.0\r\n\r\n' "$run" 1 | grep -E '40[03]' >/dev/null # no key, no bucket
  docker exec "$run" rclone version | head -n 1
}
mosquitto() {
  up --name "$run" "$1" /usr/sbin/mosquitto -c /mosquitto-no-auth.conf
  answers 10 client "$1" sh -c "mosquitto_pub -h $run -r -t a -m b && mosquitto_sub -h $run -t a -C 1 -W 5 >/dev/null && mosquitto -h | head -n 1"
}
vagrant-provider() { # systemd is there, and sshd, which it started
  up --name "$run" --privileged -p 127.0.0.1::22 "$1"
  answers 30 docker exec "$run" systemctl is-system-running | grep -x running >/dev/null
  answers 10 through 22 "" "$run" 1 | grep -o "OpenSSH.*"
}

docker rmi --no-prune "$image" >/dev/null 2>&1 || true
{
  docker pull -q "$image" >/dev/null
  docker network create "$run" >/dev/null
  "$kind" "$image"
} >"$tmp/said" 2>&1
