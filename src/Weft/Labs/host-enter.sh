# host-enter.sh ENGINE CONTAINER COMMAND...: runs a command in the namespaces of a container that an engine of this host runs.
engine=$1 name=$2
shift 2
case $engine in
docker | podman) pid=$("$engine" inspect --format '{{.State.Pid}}' "$name") || exit ;;
lxd) pid=$(lxc info "$name" | sed -n 's/^PID: //p') ;;
incus) pid=$(incus info "$name" | sed -n 's/^PID: //p') ;;
esac
[ "${pid:-0}" -gt 0 ] || { echo "$engine container $name does not run" >&2; exit 1; }
exec nsenter --target "$pid" --all -- "$@"
