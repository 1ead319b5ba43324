# segment.sh CONTROL: holds the wire between the hosts of one lab: a network namespace with a bridge, connected to nothing
# else and without an address. CONTROL, unless empty, is the machine's address on a second wire, by which hosts with
# kernels of their own are told what to run.
set -eu
if [ "${1-}" != inside ]; then
  # Whoever starts this first writes down its process, so that the segment can be removed whatever happens next.
  read -r go
  exec setsid unshare --net --pid --fork --kill-child sh "$0" inside "$1" </dev/null
fi
control=$2
read -r stat </proc/self/stat
echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6
echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6
ip link add segment type bridge stp_state 0 forward_delay 0 mcast_snooping 0
ip link set segment up
if [ "$control" ]; then
  ip link add control type bridge stp_state 0 forward_delay 0 mcast_snooping 0
  ip address add "$control" dev control
  ip link set control up
fi
echo "ready $stat"
exec >/dev/null 2>&1
while :; do sleep infinity & wait; done
