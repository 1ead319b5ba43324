# host-setup.sh: runs once in a new host of a lab, the overlay file on its standard input, and before host-boot.sh, whose
# arguments it shares. The last of them is what /etc/hosts has of the hosts.
set -eu
cat >/etc/weft/overlay.yaml
printf '127.0.0.1 localhost\n::1 localhost\n%s\n' "$9" >/etc/hosts
ovsdb-tool create /etc/openvswitch/conf.db /usr/share/openvswitch/vswitch.ovsschema
