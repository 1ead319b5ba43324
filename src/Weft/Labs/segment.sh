# segment.sh CONTROL [PORT PUBLIC LOCAL GATEWAY MTU]...: holds the wire between the hosts of one lab: a network namespace with a
# bridge, connected to nothing else and without an address. CONTROL, unless empty, is the machine's address on a second wire, over
# which hosts with kernels of their own are told what to run. For each host behind address translation it makes a router, and the
# bridge `behindPORT` for the host's port. PUBLIC and GATEWAY are the router's addresses, with their lengths, on the segment and
# towards the host, whose own address is LOCAL.
set -eu
if [ "${1-}" != inside ]; then
  # Whoever starts this first writes down its process, so that the segment can be removed whatever happens next.
  read -r go
  exec setsid unshare --net --mount --pid --fork --kill-child sh "$0" inside "$@" </dev/null
fi
control=$2
shift 2
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
# `ip netns` keeps its names in /run: use one that nobody else sees.
[ $# = 0 ] || { mount -n -t tmpfs -o mode=755 tmpfs /run && mkdir /run/netns; }
while [ $# -gt 0 ]; do
  port=$1 public=$2 local=$3 gateway=$4 mtu=$5
  shift 5
  ip netns add "router$port"
  ip -batch - <<LINES
link add behind$port type bridge stp_state 0 forward_delay 0 mcast_snooping 0
link set behind$port up
link add outer$port mtu $mtu type veth peer name outside mtu $mtu netns router$port
link set outer$port master segment up
link add inner$port mtu $mtu type veth peer name inside mtu $mtu netns router$port
link set inner$port master behind$port up
LINES
  ip netns exec "router$port" sh -euc '
    echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6
    echo 1 >/proc/sys/net/ipv4/ip_forward
    ip -batch - <<LINES
address add $1 dev outside
link set outside up
address add $3 dev inside
link set inside up
LINES
    nft -f - <<LINES
table ip translation {
  chain inwards { type nat hook prerouting priority dstnat; iifname outside ip daddr ${1%/*} dnat to $2; }
  chain outwards { type nat hook postrouting priority srcnat; oifname outside ip saddr $2 snat to ${1%/*}; }
}
LINES
  ' router "$public" "$local" "$gateway"
done
echo "ready $stat"
exec >/dev/null 2>&1
while :; do sleep infinity & wait; done
