#!/bin/bash
# A real Vagrant with real virtual machines for the tests, on a bare Debian 12 machine without an init system; run as root.
#   usage: vagrant.sh [start|stop|status|check|env]     ENVMAN_LAB=folder (the default is /var/lib/envman-lab)
# The machines run on QEMU's software emulation, which is there everywhere and slow: what tests would install again and
# again is in the box. A libvirt that answers already is used as it is. `env` prints the variables that show Vagrant the lab.
set -euo pipefail
lab=${ENVMAN_LAB:-/var/lib/envman-lab}/vagrant box=lab/bookworm
export VAGRANT_HOME=$lab/home VAGRANT_DEFAULT_PROVIDER=libvirt VAGRANT_CHECKPOINT_DISABLE=1 LIBVIRT_DEFAULT_URI=qemu:///system
boxed=$VAGRANT_HOME/boxes/${box/\//-VAGRANTSLASH-}/0/libvirt

works() { virsh version >/dev/null 2>&1; }
ours() { [ -s "$lab/libvirtd.pid" ] && [ "$(cat "/proc/$(cat "$lab/libvirtd.pid")/comm" 2>/dev/null)" = libvirtd ]; }
uri() { apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $1" | head -n 1; }
mark() { { declare -f build rootfs guest description; uri bookworm; } | sha256sum; }
made() { [ -s "$boxed/box.img" ] && [ "$(mark)" = "$(cat "$lab/stamp" 2>/dev/null)" ]; }

packages() {
  local package missing=()
  for package in vagrant vagrant-libvirt libvirt-daemon-system libvirt-clients qemu-system-x86 qemu-system-common qemu-utils \
    dnsmasq-base iptables mmdebstrap e2fsprogs rsync openssh-client; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >"$lab/apt.log" 2>&1
}

daemon() {
  # As another user than root, QEMU can read nothing below root's folders nor open /dev/kvm, and libvirt asks it again and
  # again what it can do, which is a minute for each machine. There is no virtlogd: what a machine says goes into a file.
  grep -qs '^# envman-lab' /etc/libvirt/qemu.conf ||
    printf '%s\n' '# envman-lab' 'user = "root"' 'group = "root"' 'security_driver = "none"' 'stdio_handler = "file"' >>/etc/libvirt/qemu.conf
  setsid libvirtd --pid-file "$lab/libvirtd.pid" </dev/null >"$lab/libvirtd.log" 2>&1 9>&- &
  for _ in $(seq 150); do works && return; sleep 0.2; done
  tail -n 5 "$lab/libvirtd.log" >&2; return 1
}

# Vagrant would make both itself: the pool elsewhere, the network anew with the first machine and without it after the last.
pool() {
  mkdir -p "$lab/pool"
  virsh pool-info envman-lab >/dev/null 2>&1 || virsh -q pool-create-as envman-lab dir --target "$lab/pool"
}
network() { # where no Docker Engine takes an address; dnsmasq must not wait three seconds for an answer from a new address
  virsh net-info envman-lab >/dev/null 2>&1 || virsh -q net-create /dev/stdin <<'E'
<network xmlns:dnsmasq="http://libvirt.org/schemas/network/dnsmasq/1.0">
  <name>envman-lab</name>
  <forward mode="nat"/>
  <ip address="10.120.0.1" netmask="255.255.255.0"><dhcp><range start="10.120.0.2" end="10.120.0.254"/></dhcp></ip>
  <dnsmasq:options><dnsmasq:option value="no-ping"/></dnsmasq:options>
</network>
E
}

rootfs() { # FOLDER: Debian's packages, with the servers that tests start themselves
  local main security
  main=$(uri bookworm) security=$(uri bookworm-security)
  mmdebstrap --quiet --mode=root --variant=minbase --format=directory \
    --include=systemd-sysv,systemd-resolved,udev,kmod,dbus,openssh-server,sudo,rsync,python3,ca-certificates,iproute2,procps,curl \
    --include=linux-image-cloud-amd64,initramfs-tools,postgresql-15,redis-server,docker.io,apparmor \
    --aptopt='Acquire::Languages "none"' --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --essential-hook='cd "$1" && mkdir -p etc/postgresql-common/createcluster.d etc/initramfs-tools/conf.d usr/share/initramfs-tools/modules.d' \
    --essential-hook='echo create_main_cluster = false >"$1/etc/postgresql-common/createcluster.d/lab.conf"' \
    --essential-hook='echo MODULES=list >"$1/etc/initramfs-tools/conf.d/lab"' \
    --essential-hook='printf "%s\n" virtio_pci virtio_blk ext4 >"$1/usr/share/initramfs-tools/modules.d/lab"' \
    bookworm "$1" "deb $main bookworm main" "deb $main bookworm-updates main" "deb $security bookworm-security main" >"$lab/bookworm.log" 2>&1
}

guest() { # FOLDER: what makes it a machine that Vagrant knows, and one that is soon there
  local key
  key=$(dpkg -L vagrant | grep '/keys/vagrant.pub$')
  chroot "$1" useradd --create-home --shell /bin/bash vagrant
  install -d -m 700 "$1/home/vagrant/.ssh"
  install -m 600 "$key" "$1/home/vagrant/.ssh/authorized_keys"
  chroot "$1" chown -R vagrant: /home/vagrant/.ssh
  echo 'vagrant ALL=(ALL) NOPASSWD: ALL' >"$1/etc/sudoers.d/vagrant"
  echo bookworm >"$1/etc/hostname"
  printf '127.0.0.1 localhost\n127.0.1.1 bookworm\n' >"$1/etc/hosts"
  echo '/dev/vda / ext4 defaults,noatime 0 0' >"$1/etc/fstab"
  echo LANG=C.UTF-8 >"$1/etc/default/locale"
  printf '%s\n' '[Match]' Name=eth0 '[Network]' DHCP=ipv4 LinkLocalAddressing=no '[DHCPv4]' ClientIdentifier=mac UseHostname=no \
    >"$1/etc/systemd/network/80-eth0.network"
  ln -sf ../run/systemd/resolve/stub-resolv.conf "$1/etc/resolv.conf"
  echo update_initramfs=no >"$1/etc/initramfs-tools/update-initramfs.conf" # it would take minutes, and the box starts its own
  chroot "$1" systemctl --quiet enable systemd-networkd systemd-resolved ssh
  chroot "$1" systemctl --quiet disable postgresql redis-server docker.service docker.socket containerd
  chroot "$1" systemctl --quiet mask apt-daily.timer apt-daily-upgrade.timer systemd-networkd-wait-online.service \
    e2scrub_reap.service systemd-binfmt.service proc-sys-fs-binfmt_misc.automount modprobe@.service
}

description() { # a key of its own would take each machine 10 s; Nehalem is as fast as qemu64, and has what wheels for x86-64-v2 want
  cat <<'E'
Vagrant.configure("2") do |config|
  here = File.dirname(File.expand_path(__FILE__))
  config.vm.guest = :debian
  config.ssh.insert_key = false
  config.vm.provider :libvirt do |libvirt|
    libvirt.driver = "qemu"
    libvirt.cpu_mode = "custom"
    libvirt.cpu_model = "Nehalem"
    libvirt.cpus = 2
    libvirt.memory = 1024
    libvirt.kernel = File.join(here, "vmlinuz")
    libvirt.initrd = File.join(here, "initrd.img")
    libvirt.cmd_line = "root=/dev/vda ro console=ttyS0 net.ifnames=0 mitigations=off quiet"
    libvirt.disk_driver :cache => "unsafe"
    libvirt.graphics_type = "none"
    libvirt.storage_pool_name = "envman-lab"
    libvirt.management_network_name = "envman-lab"
    libvirt.management_network_address = "10.120.0.0/24"
    libvirt.management_network_keep = true
  end
end
E
}

build() { # a disk without partitions and boot loader: QEMU itself starts the kernel that lies beside it
  local work=$lab/work volume=${box/\//-VAGRANTSLASH-}_vagrant_box_image_0
  rm -rf "$work"; mkdir -p "$work/box"
  rootfs "$work/root"
  guest "$work/root"
  cp "$work"/root/boot/vmlinuz-* "$work/box/vmlinuz"
  cp "$work"/root/boot/initrd.img-* "$work/box/initrd.img"
  truncate --size 8G "$work/disk"
  mke2fs -q -t ext4 -E lazy_itable_init=0 -d "$work/root" "$work/disk" # lazily is in the machine, while a test waits
  qemu-img convert -f raw -O qcow2 "$work/disk" "$work/box/box.img"
  description >"$work/box/Vagrantfile"
  echo '{"provider": "libvirt", "format": "qcow2", "virtual_size": 8}' >"$work/box/metadata.json"
  tar -C "$work/box" -cf "$work/box.tar" .
  vagrant box add --force --name "$box" "$work/box.tar" >"$lab/box.log" 2>&1 || { tail -n 5 "$lab/box.log" >&2; return 1; }
  # The first machine would copy the disk into the pool, and a second one at the same time would start from half of it.
  [ -n "$(virsh -q list --all --name)" ] || rm -f "$lab/pool/$volume"_* # a machine that is there stands on the older disk
  ln "$boxed/box.img" "$lab/pool/${volume}_$(stat -c %Y "$boxed/box.img")_box.img"
  virsh -q pool-refresh envman-lab
  rm -rf "$work"
  mark >"$lab/stamp"
  echo "made $box"
}

start() {
  mkdir -p "$lab"
  exec 9>"$lab/lock"; flock 9 # two starts at once would be two boxes
  packages
  works || daemon
  pool
  network
  made || build
}

stop() { # by pid alone, and only what this lab started
  local domain network pool pid
  ours || return 0
  for domain in $(virsh list --name); do
    case $domain in
      envman*) virsh -q destroy "$domain"; echo "stopped $domain, which was running" ;;
      *) echo "$domain is running and not envman's; the lab's libvirt stays for it" >&2; return 1 ;;
    esac
  done
  for network in $(virsh net-list --name); do virsh -q net-destroy "$network"; done # and its dnsmasq
  for pool in $(virsh pool-list --name); do virsh -q pool-destroy "$pool"; done
  pid=$(cat "$lab/libvirtd.pid"); kill "$pid"
  for _ in $(seq 150); do [ -d "/proc/$pid" ] || break; sleep 0.2; done
  rm -f "$lab/libvirtd.pid"
}

status() {
  works || { echo "no libvirt answers; bash tests/lab/vagrant.sh start"; return 3; }
  version() { dpkg-query -W -f '${Version}' "$1" | cut -d: -f2 | cut -d+ -f1 | cut -d- -f1; }
  echo "libvirt   $(version libvirt-daemon), $(ours && echo "of the lab" || echo "not of the lab"), QEMU $(version qemu-system-x86)"
  echo "vagrant   $(version vagrant), vagrant-libvirt $(version vagrant-libvirt)"
  made && echo "box       $box, $(du -h "$boxed/box.img" | cut -f1) in $lab" || echo "box       $box  is not there, or an older one"
  virsh net-info envman-lab >/dev/null 2>&1 && echo "network   envman-lab, 10.120.0.0/24" || echo "network   envman-lab  is not there"
  virsh list --all | sed -n '3,${/./s/^ *[^ ]* */machine   /p}'
}

check() { # a machine comes up from the box, reaches Debian's packages, sees the project's folder, and goes again
  made || { status; return 3; }
  project=$(mktemp -d /tmp/envman-lab-XXXX)
  cd "$project"; chmod 755 . # a virtiofs folder has the owners and modes of this side, and vagrant is not root
  trap 'vagrant destroy --force >/dev/null 2>&1; rm -rf "$project"' EXIT
  cat >Vagrantfile <<E
Vagrant.configure("2") do |config|
  config.vm.box = "$box"
  config.vm.synced_folder ".", "/vagrant", type: "virtiofs"
  config.vm.provider :libvirt do |libvirt|
    libvirt.memorybacking :source, :type => "memfd"
    libvirt.memorybacking :access, :mode => "shared"
  end
end
E
  proof up vagrant up
  proof ssh vagrant ssh -c 'python3 --version'
  proof folder vagrant ssh -c 'ls /vagrant/Vagrantfile && findmnt --noheadings --output FSTYPE /vagrant'
  proof packages vagrant ssh -c 'sudo apt-get update'
  proof halt vagrant halt
  proof destroy vagrant destroy --force
}
proof() { # NAME COMMAND…
  local name=$1 since=$SECONDS
  shift
  "$@" >said 2>&1 </dev/null || { echo "FAILED  $name"; tail -n 5 said | sed 's/^/        /'; return 1; }
  printf 'ok      %-9s %4d s   %s\n' "$name" $((SECONDS - since)) "$(tail -n 1 said | tr -d '\r' | tail -c 80)"
}

variables() {
  for name in VAGRANT_HOME VAGRANT_DEFAULT_PROVIDER VAGRANT_CHECKPOINT_DISABLE LIBVIRT_DEFAULT_URI; do echo "$name=${!name}"; done
}

case ${1:-start} in
  start | stop | status | check) "${1:-start}" ;;
  env) variables ;;
  *) echo "usage: vagrant.sh [start|stop|status|check|env]" >&2; exit 2 ;;
esac
