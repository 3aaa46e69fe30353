#!/bin/bash
# A real Docker Engine for the tests, on a bare Debian 12 machine without an init system; run as root.
#   usage: docker.sh [start|stop|status|check [IMAGE…]]     ENVMAN_LAB=folder (the default is /var/lib/envman-lab)
# An engine that answers already is used as it is: a second one would take the bridge from under the first. Docker Hub's
# part is played by a registry on 127.0.0.1:5000, which the engine asks first; images/build.sh fills it with stand-ins.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
export LAB=${ENVMAN_LAB:-/var/lib/envman-lab} REGISTRY=127.0.0.1:5000

works() { docker info >/dev/null 2>&1; }
mirrored() { case $(docker info --format '{{.RegistryConfig.Mirrors}}' 2>/dev/null) in *"//$REGISTRY/"*) ;; *) return 1 ;; esac; }
registry() { (exec 3<>"/dev/tcp/${REGISTRY/://}") 2>/dev/null; }
ours() { [ -s "$LAB/$1.pid" ] && [ "$(cat "/proc/$(cat "$LAB/$1.pid")/comm" 2>/dev/null)" = "$2" ]; }

wait_for() { # FUNCTION LOG
  for _ in $(seq 150); do "$1" && return; sleep 0.2; done
  tail -n 5 "$2" >&2; return 1
}

install() { # bookworm's engine is 20.10 without Compose v2; trixie's installs beside it, and libc stays as it is
  local uri engine=() tools=()
  works || command -v dockerd >/dev/null || engine+=(docker.io docker-cli)
  docker compose version >/dev/null 2>&1 || engine+=(docker-compose)
  docker buildx version >/dev/null 2>&1 || engine+=(docker-buildx)
  for tool in docker-registry mmdebstrap iptables; do command -v "$tool" >/dev/null || tools+=("$tool"); done
  python3 -m pip --version >/dev/null 2>&1 || tools+=(python3-pip)
  [ $((${#engine[@]} + ${#tools[@]})) -gt 0 ] || return 0
  export DEBIAN_FRONTEND=noninteractive
  uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Codename: bookworm' | head -n 1)
  echo "deb $uri trixie main" >/etc/apt/sources.list.d/envman-lab.list
  printf 'Package: *\nPin: release n=trixie\nPin-Priority: 100\n' >/etc/apt/preferences.d/envman-lab
  apt-get update -qq
  [ ${#engine[@]} -eq 0 ] || apt-get install -y -qq -t trixie --no-install-recommends "${engine[@]}" >"$LAB/apt.log" 2>&1
  [ ${#tools[@]} -eq 0 ] || apt-get install -y -qq --no-install-recommends "${tools[@]}" >>"$LAB/apt.log" 2>&1
}

start() {
  if works && ! mirrored; then echo "an engine runs here already; it is used as it is, and so are its images"; return; fi
  mkdir -p "$LAB"
  exec 9>"$LAB/lock"; flock 9 # two starts at once would be two engines
  install
  if ! registry; then
    printf 'version: 0.1\nlog: {level: warn, accesslog: {disabled: true}}\nstorage: {filesystem: {rootdirectory: %s}, delete: {enabled: true}}\nhttp: {addr: "%s"}\n' \
      "$LAB/registry" "$REGISTRY" >"$LAB/registry.yml"
    setsid docker-registry serve "$LAB/registry.yml" </dev/null >"$LAB/registry.log" 2>&1 9>&- & echo $! >"$LAB/registry.pid"
    wait_for registry "$LAB/registry.log"
  fi
  if ! works; then # both settings make an up with its destroy a tenth cheaper: tests are many small ones
    GOGC=400 setsid dockerd --ip6tables=false --data-root "$LAB/docker" --exec-root "$LAB/exec" --pidfile "$LAB/dockerd.pid" \
      --registry-mirror "http://$REGISTRY" </dev/null >"$LAB/dockerd.log" 2>&1 9>&- &
    wait_for works "$LAB/dockerd.log"
  fi
  # Every test project leaves some in the build cache, and a full disk fails them all. All of it goes: with a part of it,
  # BuildKit forgets layers that it still names ("unlazy requires an applier").
  [ "$(df --output=avail --block-size=1G "$LAB" | tail -n 1)" -gt 25 ] || docker builder prune --all --force >/dev/null
  bash "$here/images/build.sh" 9>&-
}

stop() { # by pid alone, and only what this lab started
  for part in dockerd:dockerd registry:docker-registry; do
    ours "${part%:*}" "${part#*:}" || continue
    pid=$(cat "$LAB/${part%:*}.pid"); kill "$pid"
    for _ in $(seq 150); do [ -d "/proc/$pid" ] || break; sleep 0.2; done
    rm -f "$LAB/${part%:*}.pid"
  done
}

status() {
  works || { echo "no engine answers; bash tests/lab/docker.sh start"; return 3; }
  echo "engine    $(docker version --format '{{.Server.Version}}'), $(ours dockerd dockerd && echo "of the lab" || echo "not of the lab")"
  echo "compose   $(docker compose version --short), buildx $(docker buildx version | cut -d' ' -f2)"
  mirrored && registry || { echo "images    from where the engine takes them"; return; }
  echo "images    from $REGISTRY, $(du -sh "$LAB/registry" | cut -f1) in $LAB"
  bash "$here/images/build.sh" list | sed 's/^/          /'
}

case ${1:-start} in
  start | stop | status) "${1:-start}" ;;
  check) exec bash "$here/images/check.sh" "${@:2}" ;;
  *) echo "usage: docker.sh [start|stop|status|check]" >&2; exit 2 ;;
esac
