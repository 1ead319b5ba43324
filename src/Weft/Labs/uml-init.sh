#!/bin/sh
# uml-init.sh: the first process of a host that is a User Mode Linux. Its root is the machine's file system, read-only, below an
# overlay on the host's own disk, which a reboot keeps. Each program that is started here takes a tenth of a second: there are
# few. WEFT_HOST, WEFT_MTU, WEFT_CONTROL (its address on the control wire), WEFT_LAB (the lab's directory) and WEFT_AGENT (the
# first words of a command line) come with the kernel's command line.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
unset TERM
# Programs that close every descriptor up to the limit take long with a limit of a million.
ulimit -n 4096
mount -t proc proc /proc
read -r kernel </proc/sys/kernel/osrelease
# The kernel has one processor. A program that waits for its new thread would run on for some milliseconds before that thread
# begins, which on several processors it does at once: so let the child run first.
first=/proc/sys/kernel/sched_child_runs_first
[ ! -f "$first" ] || echo 1 >"$first"
mount -t tmpfs -o mode=755 tmpfs /mnt
mkdir -p /mnt/disk /mnt/root /mnt/kernel/lib
# modprobe looks below lib/modules; Debian has this kernel's elsewhere.
ln -s /usr/lib/uml/modules /mnt/kernel/lib/modules
# Open vSwitch has been seen to hang this kernel by making a vxlan port before the module was loaded.
modprobe -d /mnt/kernel -a overlay openvswitch vport-gre vport-geneve vport-vxlan
mount -t ext4 -o noatime /dev/ubda /mnt/disk
if [ ! -d /mnt/disk/upper ]; then
  fresh=yes
  mkdir -p /mnt/disk/work /mnt/disk/upper/etc /mnt/disk/upper/var/lib /mnt/disk/upper/var/log
  . "$WEFT_LAB/host-layers.sh"
  for path in $hidden; do mknod "/mnt/disk/upper/$path" c 0 0; done
fi
mount -t overlay -o lowerdir=/,upperdir=/mnt/disk/upper,workdir=/mnt/disk/work overlay /mnt/root
cd /mnt/root || exit
if [ "${fresh-}" ]; then
  for path in $hidden; do mkdir -p "$path"; done
  mkdir -p lib/modules .machine
  ln -s "/usr/lib/uml/modules/$kernel" "lib/modules/$kernel"
  echo "$WEFT_HOST" >etc/hostname
fi
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t devtmpfs devtmpfs dev
mount -t tmpfs -o mode=755 tmpfs run
mkdir -p dev/pts dev/shm dev/net run/lock run/netns run/openvswitch
mount -t devpts devpts dev/pts
mount -t tmpfs tmpfs dev/shm
install -m 755 "$WEFT_LAB/uml-pages.so" "$WEFT_LAB/uml-modprobe" run/
echo "$WEFT_HOST" >/proc/sys/kernel/hostname
pivot_root . .machine
umount -l /.machine
ln -sf /proc/self/fd /dev/fd
echo /run/uml-pages.so >/etc/ld.so.preload
echo /run/uml-modprobe >/proc/sys/kernel/modprobe

# `ip netns` needs /run/netns to be a mount point of its own with shared propagation, as it is on the machine.
mount --bind /run/netns /run/netns
mount --make-shared /run/netns
# The control wire ends in its own network namespace, where nothing in the host sees it.
: >/run/control
unshare --net=/run/control ip link set lo up
ip -batch - <<LINES
link set lo up
link set vec0 name eth0 mtu $WEFT_MTU
link set vec1 netns /run/control
LINES
nsenter --net=/run/control ip -batch - <<LINES
addr add $WEFT_CONTROL dev vec1
link set vec1 up
LINES
$WEFT_AGENT lab agent /run/control "${WEFT_CONTROL%/*}" </dev/null
poweroff -f
