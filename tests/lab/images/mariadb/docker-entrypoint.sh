#!/bin/bash
# A stand-in for tests: the variables and the order of the official image's script, written anew and shorter.
set -euo pipefail
. from-file.sh
[ "${1:0:1}" != - ] || set -- mariadbd "$@"
[ "$1" = mariadbd ] || [ "$1" = mysqld ] || exec "$@"

for name in ROOT_PASSWORD ROOT_HOST DATABASE USER PASSWORD; do
  from_file "MYSQL_$name"; old=MYSQL_$name
  from_file "MARIADB_$name" "${!old}"
done
: "${MARIADB_ROOT_HOST:=%}" "${MARIADB_ALLOW_EMPTY_ROOT_PASSWORD:=${MYSQL_ALLOW_EMPTY_PASSWORD:-}}"
: "${MARIADB_RANDOM_ROOT_PASSWORD:=${MYSQL_RANDOM_ROOT_PASSWORD:-}}"
data=/var/lib/mysql socket=/run/mysqld/mysqld.sock
if [ "$(id -u)" = 0 ]; then
  find "$data" /run/mysqld \! -user mysql -exec chown mysql: '{}' +
  exec setpriv --reuid=mysql --regid=mysql --init-groups "$0" "$@"
fi
[ ! -d "$data/mysql" ] || exec "$@"

if [ -z "$MARIADB_ROOT_PASSWORD$MARIADB_ALLOW_EMPTY_ROOT_PASSWORD$MARIADB_RANDOM_ROOT_PASSWORD" ]; then
  echo "[ERROR] [Entrypoint]: Database is uninitialized and password option is not specified" >&2
  echo "	You need to specify one of MARIADB_ROOT_PASSWORD, MARIADB_ALLOW_EMPTY_ROOT_PASSWORD and MARIADB_RANDOM_ROOT_PASSWORD" >&2
  exit 1
fi
random() { od -An -N 16 -t x1 /dev/urandom | tr -d ' \n'; }
quoted() { local text=${1//\\/\\\\}; printf "'%s'" "${text//\'/\\\'}"; }
if [ -n "$MARIADB_RANDOM_ROOT_PASSWORD" ]; then
  MARIADB_ROOT_PASSWORD=$(random); echo "[Note] [Entrypoint]: GENERATED ROOT PASSWORD: $MARIADB_ROOT_PASSWORD"
fi

mariadb-install-db --datadir="$data" --auth-root-authentication-method=normal --skip-test-db >/dev/null
# On its socket alone, so that nobody outside takes it for ready.
"$@" --skip-networking --socket="$socket" & server=$!
for _ in $(seq 300); do mariadb-admin --socket="$socket" -uroot ping >/dev/null 2>&1 && break; sleep 0.1; done

health=$(random)
(umask 077; printf '[mariadb-client]\nsocket=%s\nuser=healthcheck\npassword=%s\n' "$socket" "$health" >"$data/.my-healthcheck.cnf")
{
  for host in 127.0.0.1 ::1 localhost; do echo "CREATE USER healthcheck@'$host' IDENTIFIED BY '$health';"; done
  if [ -n "$MARIADB_DATABASE" ]; then echo "CREATE DATABASE IF NOT EXISTS \`$MARIADB_DATABASE\`;"; fi
  if [ -n "$MARIADB_USER" ] && [ -n "$MARIADB_PASSWORD" ]; then
    echo "CREATE USER $(quoted "$MARIADB_USER")@'%' IDENTIFIED BY $(quoted "$MARIADB_PASSWORD");"
    if [ -n "$MARIADB_DATABASE" ]; then echo "GRANT ALL ON \`${MARIADB_DATABASE//_/\\_}\`.* TO $(quoted "$MARIADB_USER")@'%';"; fi
  fi
  if [ "$MARIADB_ROOT_HOST" != localhost ]; then
    echo "CREATE USER root@$(quoted "$MARIADB_ROOT_HOST") IDENTIFIED BY $(quoted "$MARIADB_ROOT_PASSWORD");"
    echo "GRANT ALL ON *.* TO root@$(quoted "$MARIADB_ROOT_HOST") WITH GRANT OPTION;"
  fi
  echo "SET PASSWORD FOR root@localhost = PASSWORD($(quoted "$MARIADB_ROOT_PASSWORD"));"
} | mariadb --socket="$socket" -uroot mysql
sql() { MYSQL_PWD=$MARIADB_ROOT_PASSWORD mariadb --socket="$socket" -uroot ${MARIADB_DATABASE:+--database="$MARIADB_DATABASE"}; }
read_scripts sql
kill "$server"; wait "$server"
echo "[Note] [Entrypoint]: MariaDB init process done. Ready for start up."
exec "$@"
