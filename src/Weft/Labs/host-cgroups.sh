# host-cgroups.sh: mount_cgroups DIRECTORY: mounts there what this process, in a control group namespace of its own
# (cgroup_namespaces(7)), has for the root of each hierarchy.
mount_cgroups() {
  if [ -f /sys/fs/cgroup/cgroup.procs ]; then
    mount -t cgroup2 cgroup2 "$1"
    return
  fi
  mount -t tmpfs -o mode=755 tmpfs "$1"
  while IFS=: read -r number controllers path; do
    # Where hierarchies have controllers, the one of version 2 has none, and crun wants none of it.
    [ "$controllers" ] || continue
    mkdir "$1/${controllers#name=}"
    case $controllers in name=*) options=none,$controllers ;; *) options=$controllers ;; esac
    mount -t cgroup -o "$options" cgroup "$1/${controllers#name=}"
  done </proc/self/cgroup
}
