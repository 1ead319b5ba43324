# Two charons, each in a network namespace of its own, with a veth pair between them. Runs as init of a process
# namespace, so that everything ends with it; does what it reads from its input, and ends with that.
# $1 is the directory for what is seen outside: sockets, logs and strongswan.conf of both.
set -eu
mount -t tmpfs tmpfs /run
ip netns add a
ip netns add b
ip link add veth0 netns a type veth peer name veth0 netns b
for host in a b; do
  [ $host = a ] && number=1 || number=2
  ip -n $host link set lo up
  ip -n $host address add 10.91.0.$number/32 dev lo
  ip -n $host address add 10.88.0.$number/24 dev veth0
  ip -n $host link set veth0 up
  # The daemon's own files go to a /run of its own.
  STRONGSWAN_CONF="$1/$host.conf" ip netns exec $host unshare --mount sh -c \
    'mount -t tmpfs tmpfs /run; exec /usr/lib/ipsec/charon' >"$1/$host.out" 2>&1 &
  eval "$host=$!"
done
while read -r command; do
  eval "$command" >>"$1/commands.out" 2>&1 || true
done
