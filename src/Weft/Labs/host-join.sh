# host-join.sh COMMAND...: runs a command in the control groups, and the control group namespace, of the host that it enters.
for procs in /sys/fs/cgroup/init/cgroup.procs /sys/fs/cgroup/*/cgroup.procs; do
  [ -f "$procs" ] || continue
  echo 0 >"$procs" || exit
  # Version 2 has its groups where version 1 has hierarchies (cgroups(7)).
  [ "$procs" != /sys/fs/cgroup/init/cgroup.procs ] || break
done
exec nsenter --cgroup=/proc/1/ns/cgroup -- "$@"
