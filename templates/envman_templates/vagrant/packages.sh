# Brings the package of a server; what it would run by itself never runs. Carried out as root; told by variables:
# packages (of which one will do), asked (the major version, or nothing), also (what comes along where the system has it).
# Ends with 4 where no such version is to be had.
export DEBIAN_FRONTEND=noninteractive
command -v apt-get >/dev/null || exit 4
apt() { apt-get -o DPkg::Lock::Timeout=180 -o Acquire::Languages=none -o Dpkg::Use-Pty=0 -qq "$@"; }
candidate() { apt-cache policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: *//p'; }
# The first of that version, without the epoch before it and what Debian adds behind.
right() {
  for package; do
    version=$(candidate "$package")
    version=${version#*:}
    case $version:${version%%[-+~]*} in
    : | "(none)":*) ;;
    *:"$asked" | *:"$asked".*) return 0 ;;
    *) [ "$asked" ] || return 0 ;;
    esac
  done
  return 1
}
enabled() { systemctl list-unit-files --no-legend --state=enabled --type=service,socket 2>/dev/null | cut -d ' ' -f 1 | sort; }

install -d -m 755 /run/envman
exec 9>/run/envman/.packages.lock
flock 9
# shellcheck disable=SC2086 # words on purpose
if [ "$also" ] || ! right $packages; then # lists that lack the one may lack the others
  apt update || echo "the lists of packages could not be brought up to date" >&2
  right $packages || exit 4
fi

# Their scripts ask this program whether they may start what they bring. One that is there already is put back.
policy=/usr/sbin/policy-rc.d
clusters=/etc/postgresql-common/createcluster.d
clean() {
  if grep -qs '^# envman$' "$policy"; then rm -f "$policy"; fi
  if [ -e "$policy.envman" ]; then mv "$policy.envman" "$policy"; fi
  rm -f "$clusters/envman.conf"
  rmdir "$clusters" /etc/postgresql-common 2>/dev/null || true
}
clean
trap clean EXIT
if [ -e "$policy" ]; then mv "$policy" "$policy.envman"; fi
printf '#!/bin/sh\n# envman\nexit 101\n' > "$policy"
chmod 755 "$policy"
mkdir -p "$clusters"
echo "create_main_cluster = false" > "$clusters/envman.conf"
before=$(enabled)
extras=
for one in $also; do
  case $(candidate "$one") in '' | "(none)") ;; *) extras="$extras $one" ;; esac
done
echo "installing $package"
# shellcheck disable=SC2086
if ! apt install --yes --no-install-recommends "$package" $extras; then
  # The lists may name files that are not there any more.
  apt update
  apt install --yes --no-install-recommends "$package" $extras
fi
for one in $(enabled); do
  case "
$before
" in
  *"
$one
"*) ;;
  *) systemctl --quiet disable "$one" ;;
  esac
done
