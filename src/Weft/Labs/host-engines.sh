# host-engines.sh ENGINE/CONTAINER...: runs once in a new host of a lab. It starts the engines and makes the containers, each a
# busybox that does nothing until it is asked to end.
set -eu
work=/run/weft-engines root=/run/weft-engines/rootfs
mkdir -p "$work"
has() { for one in $containers; do [ "${one%%/*}" != "$1" ] || return 0; done; return 1; }
of() { for one in $containers; do [ "${one%%/*}" != "$1" ] || echo "${one#*/}"; done; }
containers=$*

# Waits until a command succeeds or the daemon has ended; $! is the daemon.
await() {
  log=$1 daemon=$!
  shift
  until "$@" >/dev/null 2>&1; do
    kill -0 "$daemon" 2>/dev/null || { tail -n 3 "$log" >&2; return 1; }
    sleep 0.1
  done
}

mkdir -p "$root/bin" "$root/sbin" "$root/etc" "$root/proc" "$root/sys" "$root/dev" "$root/tmp" "$root/run" "$root/root"
cp /bin/busybox "$root/bin/busybox"
for applet in $(busybox --list); do [ -e "$root/bin/$applet" ] || ln -s busybox "$root/bin/$applet"; done
ln -s ../bin/busybox "$root/sbin/init"
echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
echo 'root:x:0:' >"$root/etc/group"
echo '127.0.0.1 localhost' >"$root/etc/hosts"
: >"$root/etc/resolv.conf"
printf '::sysinit:/bin/true\n::respawn:/bin/sleep 1d\n' >"$root/etc/inittab"
# The first process ignores every signal for which it has set no action.
idle='CMD ["/bin/sh", "-c", "trap exit TERM; while :; do sleep 1d & wait $!; done"]'

# Keeps an engine's state in memory, on a file system that overlayfs can use.
keep() { mkdir -p "$1" && mount -t tmpfs -o mode=711 tmpfs "$1"; }

docker_up() {
  keep /var/lib/docker
  # Weft makes the network; Docker's own rules and bridge would be the machine's business.
  setsid dockerd --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false --userland-proxy=false \
    --bridge=none --exec-opt native.cgroupdriver=cgroupfs </dev/null >/var/log/dockerd.log 2>&1 &
  await /var/log/dockerd.log docker version
  tar -C "$root" -c . | docker import -c "$idle" - weft-lab >/dev/null
  of docker | xargs -rP 4 -I NAME docker run -d --name NAME --network none weft-lab >/dev/null
}

podman_up() {
  keep /var/lib/containers
  mkdir -p /etc/containers /run/podman
  cat >/etc/containers/containers.conf <<'TEXT'
[containers]
default_ulimits = ["nofile=16384:16384", "nproc=16384:16384"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "crun"
TEXT
  setsid podman system service -t 0 unix:///run/podman/podman.sock </dev/null >/var/log/podman.log 2>&1 &
  await /var/log/podman.log [ -S /run/podman/podman.sock ]
  tar -C "$root" -c . | podman import -q -c "$idle" - weft-lab >/dev/null
  of podman | xargs -rI NAME podman run -d --name NAME --network none weft-lab >/dev/null
}

# instances_up ENGINE CLIENT: what LXD and Incus have in common; the daemon runs.
instances_up() {
  "$2" -q storage create default dir
  "$2" -q profile device add default root disk path=/ pool=default
  # The signal by which busybox's init is asked to end.
  "$2" -q profile set default raw.lxc lxc.signal.halt=SIGUSR2
  "$2" -q image import "$work/image.tar.gz" --alias weft-lab >/dev/null
  of "$1" | xargs -rP 4 -I NAME "$2" -q launch weft-lab NAME >/dev/null
}

lxd_up() {
  keep /var/lib/lxd
  setsid lxd --group root --logfile /var/log/lxd.log </dev/null >/var/log/lxd.out 2>&1 &
  await /var/log/lxd.log lxc -q query /1.0
  instances_up lxd lxc
}

incus_up() {
  keep /var/lib/incus
  mkdir -p /run/incus /var/log/incus
  setsid /usr/libexec/incus/incusd --group root --logfile /var/log/incus/incusd.log </dev/null >/var/log/incus.out 2>&1 &
  await /var/log/incus/incusd.log incus -q query /1.0
  instances_up incus incus
}

if has lxd || has incus; then
  printf 'architecture: %s\ncreation_date: 1\nproperties: {description: busybox}\n' "$(uname -m)" >"$work/metadata.yaml"
  tar -C "$work" --numeric-owner -czf "$work/image.tar.gz" metadata.yaml rootfs
fi
started=
for engine in docker podman lxd incus; do
  if has "$engine"; then
    "${engine}_up" &
    started="$started $engine/$!"
  fi
done
for one in $started; do
  wait "${one#*/}" || { echo "${one%/*} does not start" >&2; exit 1; }
done
rm -rf "$work"
