# What stands below the packages of the project. Carried out as root; told by variables: user, packages, helpers
# (what we need ourselves), tools, state, proxies (lines of apt's settings), environment (lines for sh), root, venv.
certificates=/usr/local/share/ca-certificates
if command -v apt-get >/dev/null; then
  export DEBIAN_FRONTEND=noninteractive
  apt() { apt-get -o DPkg::Lock::Timeout=180 -o Acquire::Languages=none -o Dpkg::Use-Pty=0 -qq "$@"; }
  printf '%s\n' "$proxies" > /etc/apt/apt.conf.d/90envman-proxies
  missing() { for one; do dpkg-query -W -f '${Status}' "$one" 2>/dev/null | grep -q '^install ok' || echo "$one"; done; }
  # shellcheck disable=SC2086 # words on purpose
  lacking=$(missing ca-certificates $helpers $packages)
  if [ "$lacking" ]; then
    echo "installing $(echo "$lacking" | wc -l) packages"
    apt update
    # shellcheck disable=SC2086
    apt install --yes --no-install-recommends $lacking
  fi
elif [ "$packages" ]; then
  echo "the box has no apt: [system] packages are Debian's" >&2
  exit 1
elif [ "$helpers" ] && ! command -v "$helpers" >/dev/null; then
  echo "the box has neither apt nor $helpers" >&2
  exit 1
else
  certificates=/etc/pki/ca-trust/source/anchors
fi

known=$(cat "$certificates"/envman-*.crt 2>/dev/null || true)
if [ "$known" != "$bundle" ]; then
  rm -f "$certificates"/envman-*.crt
  number=0
  mkdir -p "$certificates"
  printf '%s\n' "$bundle" | while IFS= read -r line; do
    [ "$line" != "-----BEGIN CERTIFICATE-----" ] || number=$((number + 1))
    [ -z "$line" ] || printf '%s\n' "$line" >> "$certificates/envman-$number.crt"
  done
  if ! command -v update-ca-certificates >/dev/null; then
    update-ca-trust
  elif [ "$known" ] || [ ! -s /etc/ssl/certs/ca-certificates.crt ]; then
    update-ca-certificates --fresh >/dev/null 2>&1
  else
    # What the command above would do, without looking at each of the usual ones: that takes 20 s where it is emulated.
    cat "$certificates"/envman-*.crt >> /etc/ssl/certs/ca-certificates.crt
    for file in "$certificates"/envman-*.crt; do
      name=$(basename "$file" .crt).pem
      ln -sfn "$file" "/etc/ssl/certs/$name"
      ! command -v openssl >/dev/null || ln -sfn "$name" "/etc/ssl/certs/$(openssl x509 -noout -hash -in "$file").0"
    done
  fi
fi

group=$(id -g "$user")
mkdir -p "$state/notes" "$tools" "$venv" "$root"
chown "$user:$group" "$venv"
mountpoint -q "$root" || chown "$user:$group" "$root"
printf '%s\n' "$environment" > "$tools/.environment"
mv "$tools/.environment" "$tools/environment"
printf '[safe]\n\tdirectory = *\n' > "$tools/gitconfig"
git_known=$(cat /etc/gitconfig 2>/dev/null || true)
case $git_known in
*"$tools/gitconfig"*) ;;
*) printf '[include]\n\tpath = %s\n' "$tools/gitconfig" >> /etc/gitconfig ;;
esac
