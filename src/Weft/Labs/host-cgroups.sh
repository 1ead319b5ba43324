# host-cgroups.sh: gives a host control groups of its own (cgroups(7)). Version 2 has one hierarchy, version 1 has several.

# join_cgroup NAME: makes a group in each of the machine's hierarchies, and moves this process there.
join_cgroup() {
  hierarchies=/sys/fs/cgroup
  [ -f /sys/fs/cgroup/cgroup.procs ] || hierarchies=$(echo /sys/fs/cgroup/*)
  for hierarchy in $hierarchies; do
    mkdir -p "$hierarchy/$1"
    if [ -f "$hierarchy/cgroup.clone_children" ] && [ -f "$hierarchy/cpuset.cpus" ]; then
      # A cpuset without processors and memory accepts no process (cpuset(7)).
      for file in cpuset.cpus cpuset.mems; do cat "$hierarchy/$file" >"$hierarchy/$1/$file"; done
      echo 1 >"$hierarchy/$1/cgroup.clone_children"
    fi
    echo 0 >"$hierarchy/$1/cgroup.procs"
  done
}

# mount_cgroups DIRECTORY: mounts each hierarchy there, with its root as this process, in a control group namespace of its own
# (cgroup_namespaces(7)), sees it.
mount_cgroups() {
  if [ -f /sys/fs/cgroup/cgroup.procs ]; then
    mount -t cgroup2 cgroup2 "$1"
    # A group that has processes cannot pass controllers on to those below it.
    mkdir "$1/init"
    echo 0 >"$1/init/cgroup.procs"
    for controller in $(cat "$1/cgroup.controllers"); do echo "+$controller" >"$1/cgroup.subtree_control" || :; done
    return
  fi
  mount -t tmpfs -o mode=755 tmpfs "$1"
  while IFS=: read -r number controllers path; do
    # Where hierarchies of version 1 have the controllers, that of version 2 has none, and crun wants none of it.
    [ "$controllers" ] || continue
    mkdir "$1/${controllers#name=}"
    case $controllers in name=*) options=none,$controllers ;; *) options=$controllers ;; esac
    mount -t cgroup -o "$options" cgroup "$1/${controllers#name=}"
  done </proc/self/cgroup
}
