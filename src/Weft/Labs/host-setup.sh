# host-setup.sh DATAPATH MTU ADDRESS LENGTH SUBNET CONTAINERS HOSTS: runs once in a new host of a lab, the overlay file on its standard
# input: starts Open vSwitch, gives the host its underlay address and makes a namespace for each container.
set -eu
datapath=$1 mtu=$2 address=$3 length=$4 subnet=$5 containers=$6 hosts=$7
cat >/etc/weft/overlay.yaml
printf '127.0.0.1 localhost\n::1 localhost\n%s\n' "$hosts" >/etc/hosts

ovsdb-tool create /etc/openvswitch/conf.db /usr/share/openvswitch/vswitch.ovsschema
ovsdb-server --remote=punix:/run/openvswitch/db.sock --pidfile --detach --log-file -vconsole:off
ovs-vsctl --no-wait init
underlay=eth0
ip link set eth0 addrgenmode none up
if [ "$datapath" = userspace ]; then
  # The userspace datapath sends tunnel packets through a bridge that carries the underlay address.
  underlay=br-phy
  ovs-vsctl --no-wait add-br br-phy -- set bridge br-phy datapath_type=netdev fail_mode=standalone \
    -- set interface br-phy mtu_request="$mtu" -- add-port br-phy eth0
fi
# Open vSwitch 3.1 that starts within ten seconds of its kernel counts no processor, makes no thread for packets that
# miss the datapath, and loses them all until it is started again.
while read -r uptime idle </proc/uptime && [ "${uptime%%.*}" -lt 11 ]; do sleep 0.1; done
ovs-vswitchd --pidfile --detach --log-file -vconsole:off

case $address in
*:*) checked=nodad ;; # An address that is still being checked for duplicates cannot be sent from.
*) checked= ;;
esac
# The kernel makes no route by itself for a prefix as wide as all addresses: it is made here, whatever its width.
ip address add "$address/$length" dev "$underlay" noprefixroute $checked
ip link set "$underlay" up
ip route add "$subnet" dev "$underlay" src "$address"

for container in $containers; do
  ip netns add "$container"
  ip -n "$container" link set lo up
done
