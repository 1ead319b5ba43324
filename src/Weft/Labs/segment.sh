# segment.sh: holds the wire between the hosts of one lab: a network namespace with a bridge, connected to
# nothing else and without an address.
set -eu
if [ "${1-}" != inside ]; then
  # Whoever starts this first writes down its process, so that the segment can be removed whatever happens next.
  read -r go
  exec setsid unshare --net --pid --fork --kill-child sh "$0" inside </dev/null
fi
read -r stat </proc/self/stat
echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6
echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6
ip link add segment type bridge stp_state 0 forward_delay 0 mcast_snooping 0
ip link set segment up
echo "ready $stat"
exec >/dev/null 2>&1
while :; do sleep infinity & wait; done
