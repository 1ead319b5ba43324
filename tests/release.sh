#!/usr/bin/env bash
# Runs ./build.sh test on another release of Debian or Ubuntu than this machine's, as root: what is committed, with that
# release's Open vSwitch, strongSwan, engines and systemd. Its root directory is kept for the next time.
#
#   tests/release.sh RELEASE [PROJECT...]      such as: tests/release.sh trixie Weft.KernelTests
set -euo pipefail
cd "$(dirname "$0")/.."

[ $# -gt 0 ] || { sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2; }
[ "$(id -u)" = 0 ] || { echo "$0: needs root" >&2; exit 1; }
command -v debootstrap >/dev/null || apt-get install -qy debootstrap
release=$1
shift
root=/var/tmp/weft-on-$release
sdk=$(dirname "$(readlink -f "$(command -v dotnet)")")

# bootstrap MIRROR SCRIPT [DEBOOTSTRAP OPTIONS]. libicu-dev: the SDK needs some version of the library, which has its number in
# the package's name.
bootstrap() {
  local mirror=$1 script=$2
  shift 2
  debootstrap --variant=minbase --include=ca-certificates,git,iproute2,libicu-dev,procps,systemd-sysv "$@" \
    "$release" "$root" "$mirror" "$script"
}

if [ ! -d "$root/root/weft" ]; then
  case $release in
    noble | resolute)
      # Debian has no package of the keys that Ubuntu signs with. Ubuntu has no User Mode Linux, which is taken along.
      keys=$(mktemp -d)
      wget -qO "$keys/ubuntu-keyring.deb" \
        http://archive.ubuntu.com/ubuntu/pool/main/u/ubuntu-keyring/ubuntu-keyring_2023.11.28.1_all.deb
      echo "36de43b15853ccae0028e9a767613770c704833f82586f28eb262f0311adb8a8 $keys/ubuntu-keyring.deb" | sha256sum --check --quiet
      dpkg-deb -x "$keys/ubuntu-keyring.deb" "$keys"
      bootstrap http://archive.ubuntu.com/ubuntu gutsy --components=main,universe \
        --keyring="$keys/usr/share/keyrings/ubuntu-archive-keyring.gpg"
      rm -rf "$keys"
      [ ! -x /usr/bin/linux.uml ] || cp -a --parents /usr/bin/linux.uml /usr/lib/uml "$root"
      ;;
    *)
      bootstrap "$(apt-get indextargets --format '$(REPO_URI)' \
        'Created-By: Packages' 'Label: Debian' 'Component: main' | head -n 1)" sid
      ;;
  esac
  # No service is to be started that a test does not start itself.
  printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
  chmod +x "$root/usr/sbin/policy-rc.d"
  mkdir -p "$root$sdk" "$root/root/.nuget" "$root/old"
  ln -sf "$sdk/dotnet" "$root/usr/bin/dotnet"
  git clone -q "$PWD" "$root/root/weft"
fi
git -C "$root/root/weft" fetch -q "$PWD" HEAD
git -C "$root/root/weft" checkout -q --detach FETCH_HEAD

# Processes of its own end with it, and what it mounts is seen by nobody else.
exec unshare --mount --pid --fork --kill-child bash -euc '
  root=$1 sdk=$2
  shift 2
  mount --make-rprivate /
  mount --bind "$root" "$root"
  mount -t proc proc "$root/proc"
  mount --rbind /sys "$root/sys"
  mount --rbind /dev "$root/dev"
  mount -t tmpfs tmpfs "$root/run"
  mkdir -p "$root/run/lock" "$HOME/.nuget"
  mount --bind "$sdk" "$root$sdk"
  mount --bind "$HOME/.nuget" "$root/root/.nuget"
  mount --bind /etc/ssl/certs "$root/etc/ssl/certs"
  cp /etc/resolv.conf "$root/etc/resolv.conf"
  cd "$root"
  pivot_root . old
  umount -l /old
  cd /root/weft
  export HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  exec ./build.sh test "$@"' release "$root" "$sdk" "$@"
