# Starts the engine that services with an image run on, and fetches one. Carried out as root; told by variables: settings
# (lines of the engine's environment), image, login (who may fetch it, as the docker command keeps that), offline, network.
# Ends with 4 where there is no engine, or it lacks what it needs to start anything.
command -v docker >/dev/null || exit 4
[ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" != Y ] || command -v apparmor_parser >/dev/null || exit 4
install -d -m 755 /run/envman
exec 9>/run/envman/.engine.lock
flock 9

# Its own environment: the docker command has no say in how the engine reaches the world. In memory, as all secrets here.
file=/run/envman/engine.env
if [ "$(cat "$file" 2>/dev/null || true)" != "$settings" ]; then
  folder=/run/systemd/system/docker.service.d
  mkdir -p "$folder"
  (umask 077 && printf '%s\n' "$settings" > "$file")
  printf '[Service]\nEnvironmentFile=-%s\n' "$file" > "$folder/envman.conf"
  systemctl daemon-reload
  systemctl stop docker.socket docker.service 2>/dev/null || true
fi
docker info >/dev/null 2>&1 || systemctl start docker.service

if ! docker image inspect "$image" >/dev/null 2>&1; then
  if [ "$offline" ]; then
    echo "$image is not in the machine, and --offline fetches nothing" >&2
    exit 1
  fi
  echo "fetching $image"
  if [ "$login" ]; then
    DOCKER_CONFIG=$(mktemp -d /run/envman/login.XXXXXX)
    export DOCKER_CONFIG
    trap 'rm -rf "$DOCKER_CONFIG"' EXIT
    printf %s "$login" > "$DOCKER_CONFIG/config.json"
  fi
  docker pull --quiet "$image"
fi
docker network inspect "$network" >/dev/null 2>&1 || docker network create "$network" >/dev/null
