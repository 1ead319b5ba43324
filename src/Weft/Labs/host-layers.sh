# host-layers.sh: sets $hidden, the directories where the machine keeps state that would be taken for the host's. A whiteout in
# the host's own layer (overlayfs: character device 0/0) hides each.
hidden='etc/openvswitch etc/weft var/lib/openvswitch var/lib/weft var/log/openvswitch
  var/lib/cni var/lib/containerd var/lib/containers var/lib/docker var/lib/incus var/lib/lxd'
