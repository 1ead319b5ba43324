# host-init.sh NAME [CGROUP]: makes one host of a lab and is its first process. Whatever runs in the host ends with it.
# CGROUP, where given, is the control group that the host sees as the root.
set -eu
name=$1 cgroup=${2-}
case ${3-} in
"")
  # Whoever starts this first writes down its process, so that the host can be removed whatever happens next.
  read -r go
  exec setsid unshare --net --mount --uts --ipc --pid --fork --kill-child sh "$0" "$name" "$cgroup" inside </dev/null
  ;;
inside)
  if [ "$cgroup" ]; then
    . "${0%/*}/host-cgroups.sh"
    join_cgroup "$cgroup"
    exec unshare --cgroup sh "$0" "$name" "$cgroup" joined
  fi
  ;;
esac
# The PID of this process on the machine: readable only until the host has its own /proc.
read -r stat </proc/self/stat
hostname "$name"
ip link set lo up
. "${0%/*}/host-layers.sh"
. "${0%/*}/host-cgroups.sh"

# First and with -n, because mount(8) writes there.
mount -n -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lock /run/netns /run/openvswitch
# `ip netns` needs /run/netns to be a mount point of its own with shared propagation, as it is on the machine.
mount --bind /run/netns /run/netns
mount --make-shared /run/netns

# /etc, /var and /usr/local (where programs are installed by hand) are overlays: the machine's own below, what the host writes
# above, in memory.
trees='etc var'
if [ -d /usr/local ]; then trees="$trees usr/local"; fi
layers=/run/layers
mkdir "$layers"
mount -t tmpfs -o mode=755 tmpfs "$layers"
for tree in $trees; do mkdir -p "$layers/$tree/upper" "$layers/$tree/work"; done
mkdir "$layers/var/upper/lib" "$layers/var/upper/log"
for path in $hidden; do mknod "$layers/${path%%/*}/upper/${path#*/}" c 0 0; done
for tree in $trees; do
  mount -t overlay -o "lowerdir=/$tree,upperdir=$layers/$tree/upper,workdir=$layers/$tree/work" overlay "/$tree"
done
for path in $hidden; do mkdir "/$path"; done
echo "$name" >/etc/hostname

# /sys shows the namespace it was mounted in; the control groups under it stay the machine's, unless the host has its own.
mkdir "$layers/cgroup"
if [ "$cgroup" ]; then
  mount_cgroups "$layers/cgroup"
elif [ -d /sys/fs/cgroup ]; then
  mount --rbind /sys/fs/cgroup "$layers/cgroup"
fi
mount -t sysfs sysfs /sys
if mountpoint -q "$layers/cgroup"; then
  mount --rbind "$layers/cgroup" /sys/fs/cgroup
  umount -lR "$layers/cgroup"
fi
umount -l "$layers"
rmdir "$layers"

mount -t proc proc /proc
cd /
echo "ready $stat"
exec >/dev/null 2>&1
while :; do sleep infinity & wait; done
