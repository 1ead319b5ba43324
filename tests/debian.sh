#!/usr/bin/env bash
# Runs ./build.sh test on another release of Debian than this machine's, as root: what is committed, with that release's Open
# vSwitch, strongSwan, engines and User Mode Linux. Its root directory is kept for the next time.
#
#   tests/debian.sh RELEASE [PROJECT...]      such as: tests/debian.sh trixie Weft.KernelTests
set -euo pipefail
cd "$(dirname "$0")/.."

[ $# -gt 0 ] || { sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2; }
[ "$(id -u)" = 0 ] || { echo "$0: needs root" >&2; exit 1; }
command -v debootstrap >/dev/null || apt-get install -qy debootstrap
release=$1
shift
root=/var/tmp/weft-debian-$release
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' 'Component: main' | head -n 1)
sdk=$(dirname "$(readlink -f "$(command -v dotnet)")")

if [ ! -d "$root/root/weft" ]; then
  # libicu-dev: the SDK needs some version of the library, which has its number in the package's name.
  debootstrap --variant=minbase --include=ca-certificates,git,iproute2,libicu-dev,procps,systemd-sysv "$release" "$root" "$mirror"
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
  exec ./build.sh test "$@"' debian "$root" "$sdk" "$@"
