# host-layers.sh: sets $hidden: where the machine keeps state that would be taken for the host's. A whiteout (overlayfs:
# character device 0/0) in the host's own layer hides each.
hidden='etc/openvswitch etc/weft var/lib/openvswitch var/lib/weft var/log/openvswitch
  var/lib/cni var/lib/containerd var/lib/containers var/lib/docker var/lib/incus var/lib/lxd'
