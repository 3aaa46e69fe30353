#!/bin/bash
# Makes the images that envman and its users name, and puts them into the lab's registry, so that a FROM really pulls.
#   usage: build.sh [list]     called by docker.sh, with LAB and REGISTRY set
# They are stand-ins: the names, variables and folders are the official images', the content is Debian's packages and the
# wheels of envman's own recipes. What is there is left alone until something in its folder, or its line here, changes.
set -euo pipefail
cd "$(dirname "$0")"
catalogue=../../../templates/envman_templates/services
uri() { apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $1" | head -n 1; }

# The names of an image, its folder here, the suite under it, build arguments. A context is a folder: NAME=<what makes it.
table() {
  cat <<'T'
python:3.11-slim-bookworm                         python       bookworm
python:3.13-slim-trixie,python:3.13-slim          python       trixie
python:3.12-slim-bookworm                         interpreter  bookworm  VERSION=3.12 from=<interpreter
python:3.13-slim-bookworm                         interpreter  bookworm  VERSION=3.13 from=<interpreter
python:3.11-slim-trixie,python:3.11-slim          interpreter  trixie    VERSION=3.11 from=<interpreter
python:3.12-slim-trixie,python:3.12-slim          interpreter  trixie    VERSION=3.12 from=<interpreter
alpine:3                                          alpine       trixie
postgres:17                                       postgres     bookworm  VERSION=17 DATA=/var/lib/postgresql/data PGDATA=/var/lib/postgresql/data from=<wheel
postgres:18                                       postgres     bookworm  VERSION=18 DATA=/var/lib/postgresql PGDATA=/var/lib/postgresql/18/docker from=<wheel
mariadb:10.11                                     mariadb      bookworm
mariadb:11.8                                      mariadb      trixie
valkey/valkey:8                                   redis        trixie    NAME=valkey
valkey/valkey:9                                   redis        trixie    NAME=valkey VERSION=9 from=<wheel
redis:7                                           redis        bookworm  NAME=redis
redis:8                                           redis        trixie    NAME=redis
rabbitmq:3                                        rabbitmq     bookworm
rabbitmq:4                                        rabbitmq     trixie
memcached:1                                       memcached    trixie
nats:2                                            nats         trixie
eclipse-mosquitto:2                               mosquitto    trixie
rclone/rclone:1                                   s3           bookworm  VERSION=1 from=<wheel
lab/vagrant-provider:bookworm                     vagrant-provider bookworm
T
}

# An interpreter of this machine that is not Debian's, as pyenv and uv make them; without its own packages.
interpreter() { # VERSION FOLDER
  local found
  for found in "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1".* "${XDG_DATA_HOME:-$HOME/.local/share}"/uv/python/cpython-"$1".*; do
    [ -x "$found/bin/python$1" ] || continue
    tar -C "$found" -c --exclude=site-packages --exclude=test --exclude=__pycache__ --exclude='*.a' \
      "bin/python$1" "include/python$1" "lib/python$1" $(cd "$found" && ls -d lib/libpython*.so*) | tar -C "$2" -x
    return
  done
  return 1
}

# The wheel that envman's own recipe names for that version: one server for every level.
wheel() { # VERSION FOLDER RECIPE
  local requirement
  requirement=$(sed -n "/^version = \"$1\"/,/^requirement/s/^requirement = \"\(.*\)\"/\1/p" "$catalogue/$3.toml")
  python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --target "$2" "$requirement" 2>"$LAB/pip.log"
}

repository() { case $1 in */*) echo "$REGISTRY/$1" ;; *) echo "$REGISTRY/library/$1" ;; esac; }
stored() { # NAME: what the registry itself says
  local name=${1%:*} code
  case $name in */*) ;; *) name=library/$name ;; esac
  exec 3<>"/dev/tcp/${REGISTRY/://}"
  printf 'HEAD /v2/%s/manifests/%s HTTP/1.0\r\nAccept: application/vnd.docker.distribution.manifest.v2+json\r\n\r\n' "$name" "${1##*:}" >&3
  read -r _ code _ <&3; exec 3>&-
  [ "$code" = 200 ]
}

publish() { # NAMES: into the registry, and out of the engine
  local name
  for name in ${1//,/ }; do
    docker tag "${1%%,*}" "$(repository "$name")"
    docker push --quiet "$(repository "$name")" >/dev/null
    docker rmi "$(repository "$name")" >/dev/null
  done
}

suite() { # SUITE: Debian as the official slim image has it: no documentation, no translations, nothing starts by itself
  local main security
  stored "debian:$1-slim" && return
  main=$(uri bookworm) security=$(uri bookworm-security)
  mmdebstrap --quiet --variant=minbase --include=ca-certificates,netbase,tzdata --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --customize-hook='printf "#!/bin/sh\nexit 101\n" >"$1/usr/sbin/policy-rc.d" && chmod +x "$1/usr/sbin/policy-rc.d"' \
    "$1" - "deb $main $1 main" "deb $main $1-updates main" "deb $security $1-security main" 2>"$LAB/$1.log" |
    docker import --change 'CMD ["bash"]' - "debian:$1-slim" >/dev/null
  publish "debian:$1-slim"
  echo "made debian:$1-slim"
}

image() { # NAMES FOLDER SUITE ARGUMENTS…
  local names=$1 folder=$2 suite=$3 version="" contexts=() arguments=() work argument
  shift 3
  work=$(mktemp -d "$LAB/work.XXXX")
  for argument; do
    case $argument in
      *=\<*) "${argument#*<}" "$version" "$work" "$folder" || { echo "${names%%,*}: this machine has no Python $version of its own"; rm -r "$work"; return 0; } ;;
      *) arguments+=(--build-arg "$argument"); case $argument in VERSION=*) version=${argument#*=} ;; esac ;;
    esac
  done
  docker buildx build --quiet --build-context "from=$work" --build-arg "SUITE=$suite" "${arguments[@]}" \
    --tag "${names%%,*}" --file "$folder/Dockerfile" . >/dev/null 2>"$LAB/${folder}.log" || { cat "$LAB/${folder}.log" >&2; return 1; }
  rm -r "$work"
  publish "$names"
  docker rmi "${names%%,*}" >/dev/null
}

mark() { { echo "$@"; cat from-file.sh "$2"/*; } | sha256sum; }

make() { # one line of the table
  local stamp
  stamp=$LAB/stamps/$(echo "${1%%,*}" | tr / -)
  [ -s "$stamp" ] && [ "$(mark "$@")" = "$(cat "$stamp")" ] && stored "${1%%,*}" && return
  image "$@"
  stored "${1%%,*}" || return 0
  mark "$@" >"$stamp"
  echo "made ${1//,/, }"
}

each() { # FUNCTION: over the lines of stdin, as many at once as there are cores
  local line jobs=()
  while read -r line; do
    [ ${#jobs[@]} -lt "$(nproc)" ] || { wait "${jobs[0]}"; jobs=("${jobs[@]:1}"); }
    "$1" $line & jobs+=($!)
  done
  for line in "${jobs[@]}"; do wait "$line"; done
}

if [ "${1:-}" = list ]; then
  { printf 'debian:%s-slim\n' bookworm trixie; table | cut -d' ' -f1 | tr , '\n'; } |
    while read -r name; do stored "$name" && echo "$name" || echo "$name  is not there"; done
  exit
fi
mkdir -p "$LAB/stamps"; rm -rf "$LAB"/work.*
printf '%s\n' bookworm trixie | each suite
table | each make
docker rmi debian:bookworm-slim debian:trixie-slim >/dev/null 2>&1 || true # whoever wants them pulls them
