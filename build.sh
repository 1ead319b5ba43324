#!/usr/bin/env bash
# The one script a newcomer needs. `./build.sh` alone says what it can do.
set -euo pipefail
cd "$(dirname "$0")"

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
BINARY=artifacts/weft

# Debian packages by what needs them. iproute2 and util-linux are on every Debian.
RUN_PACKAGES=(openvswitch-switch iproute2 util-linux)
# A lab of an encrypted overlay: kernels for its hosts, what negotiates keys, and what watches the wire.
LAB_PACKAGES=(user-mode-linux strongswan-charon strongswan-swanctl libstrongswan-standard-plugins tcpdump kmod e2fsprogs bsdutils)
BUILD_PACKAGES=(gcc libc6-dev zlib1g-dev git)
TEST_PACKAGES=(openvswitch-source openvswitch-common iputils-ping ethtool iperf3 procps
  libcharon-extra-plugins nftables ansible-core openssh-client)
# Their services take this machine's strongSwan over, or open it to the network, as soon as they are installed: they are
# installed only where no service is started then (invoke-rc.d(8)), and elsewhere the tests that need them are skipped.
IDLE_PACKAGES=(openvswitch-ipsec openssh-server)
# Engines start their services likewise. Incus is there where bookworm-backports is a source of packages.
ENGINE_PACKAGES=(docker.io lxd podman crun containernetworking-plugins busybox-static)

usage() {
  cat <<'TEXT'
Usage: ./build.sh COMMAND

  lab [WEFT LAB UP ARGUMENTS]  install what is missing, build, and bring up a lab of two hosts from
                               examples/ipsec.yaml with the matrix of who reaches whom and what was
                               captured between them (root)
  test [PROJECT...]            install what is missing, build, check the format, run all tests (root
                               for the tests in labs; without root those are skipped)
  bench [NAME...]              install what is missing, build, measure side by side (root)
  publish                      leave the binary at artifacts/weft
  install [PREFIX]             put the binary at PREFIX/bin/weft (default /usr/local)
  format                       format the code
TEXT
}

say() { printf '\033[1m==> %s\033[0m\n' "$*" >&2; }
fail() { printf 'build.sh: %s\n' "$*" >&2; exit 1; }

# Installs the Debian packages that are not there yet, and says so before it does.
need_packages() {
  local missing=() package
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || fail "these packages are missing, and there is no apt-get to install them: ${missing[*]}"
  [ "$(id -u)" = 0 ] || fail "these packages are missing: ${missing[*]}. Install them, or run this with sudo."
  say "installing Debian packages: ${missing[*]}"
  local log
  log=$(mktemp)
  if ! { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    fail "apt-get could not install them; its whole output is in $log"
  fi
  rm -f "$log"
}

# Whether this machine starts no service that is installed.
keeps_idle() {
  local answer=0
  [ -x /usr/sbin/policy-rc.d ] || return 1
  /usr/sbin/policy-rc.d "$1" start >/dev/null 2>&1 || answer=$?
  [ "$answer" = 101 ]
}

need_dotnet() {
  command -v dotnet >/dev/null || fail "the .NET SDK 10 is missing: install the package dotnet-sdk-10.0 as Microsoft's page for your Debian says"
  local version
  version=$(dotnet --version 2>/dev/null) || fail "the .NET SDK is there, but none that global.json accepts: $(dotnet --list-sdks | tr '\n' ' ')"
  [ "${version%%.*}" -ge 10 ] || fail "the .NET SDK is $version: Weft needs 10"
}

need_root() { [ "$(id -u)" = 0 ] || fail "'$1' needs root: sudo ./build.sh $1"; }

publish() {
  need_dotnet
  need_packages "${BUILD_PACKAGES[@]}"
  say "building $BINARY"
  dotnet publish src/Weft -c Release -v quiet --nologo
  install -m 0755 artifacts/publish/Weft/release/weft "$BINARY"
}

lab() {
  need_root lab
  need_packages "${RUN_PACKAGES[@]}" "${LAB_PACKAGES[@]}"
  publish
  [ $# -gt 0 ] || set -- examples/ipsec.yaml
  say "weft lab up $*"
  "$BINARY" lab up "$@"
}

run_tests() {
  need_dotnet
  if [ "$(id -u)" = 0 ]; then
    need_packages "${RUN_PACKAGES[@]}" "${LAB_PACKAGES[@]}" "${TEST_PACKAGES[@]}"
    local package
    for package in "${IDLE_PACKAGES[@]}"; do
      ! keeps_idle "$package" || need_packages "$package"
    done
    if keeps_idle docker && keeps_idle lxd && keeps_idle podman && keeps_idle incus; then
      ! apt-cache show incus-base >/dev/null 2>&1 || ENGINE_PACKAGES+=(incus-base incus-client)
      need_packages "${ENGINE_PACKAGES[@]}"
    fi
  else
    say "not root: the tests that need labs will be skipped"
  fi
  publish
  say "building all, with formatting checked"
  CI=true dotnet build -v quiet --nologo
  local projects=("$@") project failed=0
  if [ ${#projects[@]} -eq 0 ]; then
    for project in tests/*/*.csproj; do projects+=("$(basename "$(dirname "$project")")"); done
  fi
  # Labs are tested with the very binary that is shipped.
  export WEFT_BINARY=$PWD/$BINARY
  rm -rf artifacts/test-results
  mkdir -p artifacts/test-results
  for project in "${projects[@]}"; do
    say "$project"
    "artifacts/bin/$project/debug/$project" --report-trx --report-trx-filename "$project.trx" \
      --results-directory artifacts/test-results || failed=1
    [ -e "artifacts/test-results/$project.trx" ] || failed=1
  done
  summary
  return $failed
}

# The counts come from the result files, not from what was printed. What failed is named again, as
# thousands of lines may lie between the failure and the end.
summary() {
  local passed=0 bad=0 skipped=0 file counters total
  local -A count
  for file in artifacts/test-results/*.trx; do
    [ -e "$file" ] || continue
    failures "$file"
    counters=$(grep -o '<Counters [^>]*>' "$file")
    for name in total executed passed failed error timeout aborted; do
      count[$name]=$(sed -n "s/.* $name=\"\([0-9]*\)\".*/\1/p" <<<"$counters")
    done
    total=${count[total]:-0}
    passed=$((passed + ${count[passed]:-0}))
    bad=$((bad + ${count[failed]:-0} + ${count[error]:-0} + ${count[timeout]:-0} + ${count[aborted]:-0}))
    skipped=$((skipped + total - ${count[executed]:-0}))
  done
  echo "$passed passed, $bad failed, $skipped skipped"
}

# failures FILE: the failed tests of a result file, each with the beginning and the end of its message.
failures() {
  awk '
    /<UnitTestResult / { name = /outcome="Failed"/ ? $0 : ""; sub(/.* testName="/, "", name); sub(/".*/, "", name) }
    name != "" && /<Message>/ { print "failed: " name; inside = 1; count = 0 }
    inside {
      sub(/.*<Message>/, ""); inside = !sub(/<\/Message>.*/, ""); line[++count] = $0
      if (inside) next
      for (i = 1; i <= count; i++) {
        if (count > 20 && i == 7) { print "  ..."; i = count - 12 }
        print "  " line[i]
      }
    }
  ' "$1" | sed 's/&lt;/</g; s/&gt;/>/g; s/&quot;/"/g; s/&#xD;//g; s/&amp;/\&/g'
}

command=${1:-}
[ $# -eq 0 ] || shift
case $command in
  lab) lab "$@" ;;
  test) run_tests "$@" ;;
  bench)
    need_root bench
    need_dotnet
    need_packages "${RUN_PACKAGES[@]}" "${LAB_PACKAGES[@]}" "${TEST_PACKAGES[@]}"
    publish
    dotnet run -c Release --project bench/Weft.Bench -- "$@"
    ;;
  publish) publish ;;
  install)
    [ -x "$BINARY" ] || publish
    install -D -m 0755 "$BINARY" "${1:-/usr/local}/bin/weft"
    say "${1:-/usr/local}/bin/weft is $("$BINARY" --version)"
    ;;
  format) need_dotnet && dotnet build -v quiet --nologo ;;
  "" | help | -h | --help) usage ;;
  *)
    usage >&2
    exit 2
    ;;
esac
