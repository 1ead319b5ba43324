# host-boot.sh DATAPATH MTU ADDRESS LENGTH SUBNET CONTAINERS IPSEC GATEWAY: what a host of a lab does at each start. It gives
# itself its address on the wire, with GATEWAY, unless empty, as its default gateway, starts Open vSwitch and the daemon of IPSEC,
# makes a namespace for each container, and has the overlay restored if `weft install` was run.
set -eu
datapath=$1 mtu=$2 address=$3 length=$4 subnet=$5 containers=$6 ipsec=$7 gateway=$8

underlay=eth0
[ "$datapath" = kernel ] || underlay=br-phy
join_underlay() {
  case $address in
  *:*) checked=nodad ;; # An address that is still being checked for duplicates cannot be sent from.
  *) checked= ;;
  esac
  # The kernel adds no route by itself for a prefix of length 0: the route is added here, whatever the length.
  ip -batch - <<LINES
address add $address/$length dev $underlay noprefixroute $checked
link set $underlay up
route add $subnet dev $underlay src $address
${gateway:+route add default via $gateway src $address}
LINES
}

# Starts a service as systemd would, from the unit of `weft install` or else the Debian package's. Does nothing where `weft
# install` has not been run.
units=/etc/systemd/system
start() {
  unit=$units/$1
  [ -f "$unit" ] || unit=/usr/lib/systemd/system/$1
  [ -f "$unit" ] && [ -f /var/lib/weft/installed ] || return 0
  while IFS= read -r line; do
    case $line in
    ExecStart=*) ${line#ExecStart=} >>/var/log/weft.log 2>/run/weft.errors || { cat /run/weft.errors >&2; return 1; } ;;
    esac
  done <"$unit"
}

ip link set eth0 addrgenmode none up
[ "$datapath" = userspace ] || join_underlay
# The switch of an encrypted overlay must not start without its guard.
start weft-guard.service || [ ! -f "$units/ovs-vswitchd.service.d/weft.conf" ]
ovsdb-server --remote=punix:/run/openvswitch/db.sock --pidfile --detach --log-file -vconsole:off
ovs-vsctl --no-wait init
if [ "$datapath" = userspace ]; then
  # The userspace datapath sends tunnel packets through a bridge that carries the underlay address.
  ovs-vsctl --no-wait --may-exist add-br br-phy -- set bridge br-phy datapath_type=netdev fail_mode=standalone \
    -- set interface br-phy mtu_request="$mtu" -- --may-exist add-port br-phy eth0
  # The kernel sees what eth0 receives too, and would answer for the bridge's address with eth0's MAC: tunnel packets that are
  # sent there end in nobody's hands.
  echo 1 >/proc/sys/net/ipv4/conf/eth0/arp_ignore
fi
case $ipsec in
strongswan)
  setsid /usr/lib/ipsec/charon --use-syslog no </dev/null >/var/log/charon.log 2>&1 &
  ;;
openvswitch-ipsec)
  # It has strongSwan's starter run charon, and returns once charon runs.
  /usr/share/openvswitch/scripts/ovs-monitor-ipsec --pidfile=/run/openvswitch/ovs-monitor-ipsec.pid --ike-daemon=strongswan \
    --log-file -vconsole:off --detach unix:/run/openvswitch/db.sock </dev/null >/var/log/openvswitch/ovs-monitor-ipsec.out 2>&1 &
  monitor=$!
  ;;
esac
# Open vSwitch 3.1 that starts within ten seconds of its kernel finds no processor, makes no thread for packets that miss the
# datapath, and loses all of these until it is restarted.
while read -r uptime idle </proc/uptime && [ "${uptime%%.*}" -lt 11 ]; do sleep 0.1; done
ovs-vswitchd --pidfile --detach --log-file -vconsole:off
[ "$datapath" = kernel ] || join_underlay

for container in $containers; do
  ip netns add "$container"
  ip -n "$container" link set lo up
done
[ "$ipsec" != openvswitch-ipsec ] || wait "$monitor"
while [ "$ipsec" ] && [ ! -S /run/charon.vici ]; do sleep 0.1; done
start weft.service
