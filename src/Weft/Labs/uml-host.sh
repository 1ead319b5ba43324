# uml-host.sh CONSOLE UPTIME PROCESSOR ARGUMENTS...: holds one host of a lab that is a User Mode Linux, a kernel that runs as a
# process. The kernel begins with an uptime of UPTIME seconds, and stays on one processor: number PROCESSOR modulo the number of
# processors. ARGUMENTS are the kernel's.
set -eu
if [ "${1-}" != inside ]; then
  # Whoever starts this first writes down its process, so that the host can be removed whatever happens next.
  read -r segment
  # The processes that the kernel starts are in its process namespace, so that they end with it.
  exec setsid unshare --pid --fork --kill-child sh "$0" inside "$segment" "$@" </dev/null
fi
segment=$2 console=$3 uptime=$4 processor=$5
shift 5
# The PID of this process on the machine.
read -r stat </proc/self/stat
echo "ready $stat"
exec >"$console" 2>&1
# The guest's memory is a file: keep it in a tmpfs.
export TMPDIR=/dev/shm
# The kernel opens its network interfaces by name, in the segment's namespace.
export WEFT_UPTIME="$uptime" WEFT_PROCESSOR="$processor" LD_PRELOAD="${0%/*}/uml-preload.so"
exec nsenter --net="/proc/$segment/ns/net" /usr/bin/linux.uml "$@"
