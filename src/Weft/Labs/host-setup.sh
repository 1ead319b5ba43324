# host-setup.sh: runs once in a new host of a lab, before host-boot.sh, with the overlay file on its standard input. It takes the
# arguments of host-boot.sh and one more: the lines of /etc/hosts for the lab's hosts.
set -eu
cat >/etc/weft/overlay.yaml
printf '127.0.0.1 localhost\n::1 localhost\n%s\n' "$9" >/etc/hosts
ovsdb-tool create /etc/openvswitch/conf.db /usr/share/openvswitch/vswitch.ovsschema
