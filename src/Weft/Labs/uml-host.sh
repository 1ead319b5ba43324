# uml-host.sh CONSOLE UPTIME PROCESSOR ARGUMENTS...: holds one host of a lab that is a User Mode Linux: a kernel of its own,
# running as a process. It begins as one that has run for UPTIME seconds. It stays on one processor, of those that there are
# number PROCESSOR, counted round. ARGUMENTS are the kernel's.
set -eu
if [ "${1-}" != inside ]; then
  # Whoever starts this first writes down its process, so that the host can be removed whatever happens next.
  read -r segment
  # The kernel's own processes must end with it: they are in a process namespace with it.
  exec setsid unshare --pid --fork --kill-child sh "$0" inside "$segment" "$@" </dev/null
fi
segment=$2 console=$3 uptime=$4 processor=$5
shift 5
# The machine's number of this process.
read -r stat </proc/self/stat
echo "ready $stat"
exec >"$console" 2>&1
# The guest's memory is a file: it belongs where files are memory.
export TMPDIR=/dev/shm
# Its network interfaces are opened by name, where the segment is.
export WEFT_UPTIME="$uptime" WEFT_PROCESSOR="$processor" LD_PRELOAD="${0%/*}/uml-preload.so"
exec nsenter --net="/proc/$segment/ns/net" /usr/bin/linux.uml "$@"
