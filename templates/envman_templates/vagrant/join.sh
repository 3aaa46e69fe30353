# The user who works in the machine, and the way in. Carried out as root, at every start of the machine: all of it may
# stand there already. Told by variables: box_user, uid and gid (empty: the box's own user works), key, told, tools, called.
name=$box_user
if [ "$uid" ]; then
  name=$(getent passwd "$uid" | cut -d: -f1)
  if [ -z "$name" ]; then
    name=dev
    ! getent passwd dev >/dev/null || name=dev$uid
    getent group "$gid" >/dev/null || groupadd --gid "$gid" "$name"
    useradd --uid "$uid" --gid "$gid" --create-home --shell /bin/bash "$name"
  fi
fi
home=$(getent passwd "$name" | cut -d: -f6)
group=$(id -g "$name")

[ -d "$home/.ssh" ] || install -d -m 700 -o "$name" -g "$group" "$home/.ssh"
touch "$home/.ssh/authorized_keys"
grep -qxF "$key" "$home/.ssh/authorized_keys" || printf '%s\n' "$key" >> "$home/.ssh/authorized_keys"
chown "$name:$group" "$home/.ssh/authorized_keys"
chmod 600 "$home/.ssh/authorized_keys"
if [ "$name" != root ] && [ -d /etc/sudoers.d ]; then
  printf '%s ALL=(ALL) NOPASSWD: ALL\n' "$name" > /etc/sudoers.d/.envman
  chmod 440 /etc/sudoers.d/.envman
  mv /etc/sudoers.d/.envman /etc/sudoers.d/envman
fi

# Many commands at once share one connection, and each brings one variable of ours along.
wanted="AcceptEnv $told
MaxSessions 200
PermitRootLogin prohibit-password
AllowTcpForwarding yes"
if grep -qs '^Include.*sshd_config.d' /etc/ssh/sshd_config; then
  file=/etc/ssh/sshd_config.d/00-envman.conf
  [ "$(cat "$file" 2>/dev/null || true)" = "$wanted" ] || { printf '%s\n' "$wanted" > "$file"; changed=1; }
elif ! grep -q "^AcceptEnv $told" /etc/ssh/sshd_config; then
  # The first word counts: before everything else.
  { printf '%s\n' "$wanted"; cat /etc/ssh/sshd_config; } > /etc/ssh/.sshd_config
  mv /etc/ssh/.sshd_config /etc/ssh/sshd_config
  changed=1
fi
if [ "${changed-}" ]; then
  systemctl reload ssh 2>/dev/null || systemctl reload sshd 2>/dev/null || kill -HUP "$(cat /run/sshd.pid)"
fi

# A machine that was asleep has missed the time, and would take every certificate for one of the future.
here=$(date +%s)
[ $((now - here)) -lt 5 ] && [ $((here - now)) -lt 5 ] || date -s "@$now" >/dev/null

# Vagrant would take several seconds for this.
if [ "$(cat /etc/hostname)" != "$called" ]; then
  echo "$called" > /etc/hostname
  hostname "$called"
  printf '127.0.1.1 %s\n' "$called" >> /etc/hosts
fi

mkdir -p "$tools"
echo "user $name"
