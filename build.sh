#!/usr/bin/env bash
# The one script a newcomer needs. `./build.sh` alone says what it can do.
set -euo pipefail
cd "$(dirname "$0")"

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
# One compiler process for all projects, whatever the environment prefers: each anew takes longer to warm up than to compile.
export UseSharedCompilation=true
BINARY=artifacts/weft

# Debian packages by what needs them. iproute2 and util-linux are on every Debian.
RUN_PACKAGES=(openvswitch-switch iproute2 util-linux)
# A lab of an encrypted overlay: what negotiates keys, and what watches the wire.
LAB_PACKAGES=(strongswan-charon strongswan-swanctl libstrongswan-standard-plugins tcpdump kmod e2fsprogs bsdutils)
# Kernels for the hosts of labs. Debian has it for PCs alone, and Ubuntu not at all: there the machine's own kernel must be
# able to do what the overlay wants.
KERNEL_PACKAGES=(user-mode-linux)
# What they start with is of its own since util-linux 2.41.
command -v pivot_root >/dev/null || KERNEL_PACKAGES+=(util-linux-extra)
BUILD_PACKAGES=(gcc libc6-dev git)
# What the binary for the other architecture is linked with, and what runs it here once before anybody gets it.
declare -A CROSS_PACKAGES=(
  [arm64]="gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static"
  [amd64]="gcc-x86-64-linux-gnu libc6-dev-amd64-cross qemu-user-static"
)
TEST_PACKAGES=(openvswitch-source openvswitch-common iputils-ping ethtool iperf3 procps systemd
  libcharon-extra-plugins nftables iptables ansible-core openssh-client curl mandoc man-db sudo
  lintian)
# Ubuntu has it as a snap alone.
BROWSER_PACKAGES=(chromium)
# Their services take this machine's strongSwan over, or open it to the network, as soon as they are installed: they are
# installed only where no service is started then (invoke-rc.d(8)), and elsewhere the tests that need them are skipped.
IDLE_PACKAGES=(strongswan-starter openvswitch-ipsec openssh-server)
# Engines start their services likewise. Debian 13 has Docker's client apart, and Ubuntu has LXD as a snap alone.
ENGINE_PACKAGES=(docker.io docker-cli lxd podman crun containernetworking-plugins busybox-static)
INCUS_PACKAGES=(incus-base incus-client)

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
  deb [ARCHITECTURE...]        leave a Debian package at artifacts/weft_VERSION_ARCHITECTURE.deb (amd64, arm64;
                               unless named, this machine's)
  format                       format the code
TEXT
}

say() { printf '\033[1m==> %s\033[0m\n' "$*" >&2; }
fail() { printf 'build.sh: %s\n' "$*" >&2; exit 1; }

is_installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# Whether apt-get could install it: its name alone may be known, from others that would go with it.
is_offered() { [ -n "$(apt-cache madison "$1" 2>/dev/null)" ]; }

# What apt-get is to be told besides.
APT_OPTIONS=()

# Installs the Debian packages that are not there yet, and says so before it does.
need_packages() {
  local missing=() package
  if ! command -v dpkg-query >/dev/null; then
    say "this is no Debian, so what is needed is not looked for. Debian's packages would be: $*"
    return 0
  fi
  for package in "$@"; do
    is_installed "$package" || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || fail "these packages are missing, and there is no apt-get to install them: ${missing[*]}"
  [ "$(id -u)" = 0 ] || fail "these packages are missing: ${missing[*]}. Install them, or run this with sudo."
  say "installing Debian packages: ${missing[*]}"
  local log
  log=$(mktemp)
  if ! { apt-get "${APT_OPTIONS[@]}" update -q \
    && DEBIAN_FRONTEND=noninteractive apt-get "${APT_OPTIONS[@]}" install -qy --no-install-recommends "${missing[@]}"; } \
    >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    fail "apt-get could not install them: is there a network, and a Debian mirror among the sources? Its whole output is in $log"
  fi
  rm -f "$log"
}

# Installs those of the packages that this release has. What needs another does without it, and says so.
want_packages() {
  local package missing=() offered=()
  for package in "$@"; do
    is_installed "$package" || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  # A machine may be so new that it knows of no package.
  is_offered libc6 || apt-get update -q >/dev/null 2>&1 || true
  for package in "${missing[@]}"; do
    ! is_offered "$package" || offered+=("$package")
  done
  [ ${#offered[@]} -eq 0 ] || need_packages "${offered[@]}"
}

# Debian 12 has Incus among its backports alone, which do not become one of this machine's own sources for that.
need_incus() {
  local mirror sources
  if is_installed incus-base || is_offered incus-base; then
    need_packages "${INCUS_PACKAGES[@]}"
    return
  fi
  # Ubuntu 24.04 does not have it in parts.
  if is_offered incus; then
    need_packages incus incus-client
    return
  fi
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Release: bookworm' 'Component: main' | head -n 1)
  [ -n "$mirror" ] || return 0
  say "asking bookworm-backports for Incus, this once"
  sources=$(mktemp -d)
  mkdir "$sources/parts" "$sources/lists"
  cp -r /etc/apt/sources.list.d/. "$sources/parts"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror bookworm-backports main" \
    >"$sources/parts/backports.list"
  # apt-get reads them as a user of its own.
  chmod -R a+rX "$sources"
  APT_OPTIONS=(-o "Dir::Etc::SourceParts=$sources/parts" -o "Dir::State::Lists=$sources/lists")
  (need_packages "${INCUS_PACKAGES[@]}") || say "Incus is not there: the tests that need it will be skipped"
  APT_OPTIONS=()
  rm -rf "$sources"
}

# Whether this machine starts no service that is installed.
keeps_idle() {
  local answer=0
  [ -x /usr/sbin/policy-rc.d ] || return 1
  /usr/sbin/policy-rc.d "$1" start >/dev/null 2>&1 || answer=$?
  [ "$answer" = 101 ]
}

need_dotnet() {
  local place user_home
  # sudo leaves a user's own PATH behind, in which the SDK may be.
  user_home=$(getent passwd "${SUDO_USER:-}" | cut -d: -f6) || true
  for place in "${DOTNET_ROOT:-}" "${user_home:-$HOME}/.dotnet" /usr/share/dotnet /usr/lib/dotnet; do
    command -v dotnet >/dev/null || [ ! -x "$place/dotnet" ] || PATH=$PATH:$place
  done
  command -v dotnet >/dev/null || fail "the .NET SDK 10 is missing: install the package dotnet-sdk-10.0 as
https://learn.microsoft.com/dotnet/core/install/linux-debian says, or into ~/.dotnet with https://dot.net/v1/dotnet-install.sh"
  local version
  version=$(dotnet --version 2>/dev/null) || fail "the .NET SDK is there, but none that global.json accepts: $(dotnet --list-sdks | tr '\n' ' ')"
  [ "${version%%.*}" -ge 10 ] || fail "the .NET SDK is $version: Weft needs 10"
}

need_root() { [ "$(id -u)" = 0 ] || fail "'$1' needs root: sudo ./build.sh $1"; }

# What runs beside the rest: each by its name, with the process that leads it.
declare -A BESIDE=()

# beside NAME COMMAND...: begins it beside what follows. What it prints goes to artifacts/NAME.log.
beside() {
  local name=$1
  shift
  mkdir -p artifacts
  # In a process group of its own: whatever it has started can be ended with it.
  set -m
  "$@" >"artifacts/$name.log" 2>&1 </dev/null &
  set +m
  BESIDE[$name]=$!
}

# joined NAME: waits for it, and succeeds if it did.
joined() {
  local code=0
  wait "${BESIDE[$1]}" || code=$?
  unset "BESIDE[$1]"
  return $code
}

# Nothing that runs beside outlasts this script.
end_beside() {
  local leader
  for leader in "${BESIDE[@]}"; do
    kill -TERM -- "-$leader" 2>/dev/null || continue
    wait "$leader" 2>/dev/null || true
  done
}

publish() {
  need_dotnet
  need_packages "${BUILD_PACKAGES[@]}"
  say "building $BINARY"
  compile
}

# compile [DOTNET PUBLISH ARGUMENTS]
compile() {
  dotnet publish src/Weft -c Release -v quiet --nologo "$@"
  install -m 0755 artifacts/publish/Weft/release/weft "$BINARY"
}

# cross_publish ARCHITECTURE: the binary for machines of another architecture, at artifacts/weft-ARCHITECTURE.
cross_publish() {
  local machine rid
  case $1 in
    arm64) machine=aarch64 rid=linux-arm64 ;;
    amd64) machine=x86_64 rid=linux-x64 ;;
    *) fail "no package can be made for the architecture '$1': name amd64 or arm64" ;;
  esac
  say "building $BINARY-$1"
  dotnet publish src/Weft -c Release -v quiet --nologo -r "$rid" --artifacts-path "artifacts/$1" \
    -p:CppCompilerAndLinker=$machine-linux-gnu-gcc -p:ObjCopyName=$machine-linux-gnu-objcopy
  install -m 0755 "artifacts/$1/publish/Weft/release_$rid/weft" "$BINARY-$1"
  # It is run here, by emulation, on every example before anybody gets it.
  local qemu=(qemu-$machine-static -L "/usr/$machine-linux-gnu" "$BINARY-$1") example
  [ "$("${qemu[@]}" --version)" = "$("$BINARY" --version)" ] || fail "$BINARY-$1 does not say its version"
  for example in examples/*.yaml; do
    cmp <("${qemu[@]}" plan --bare --json "$example") <("$BINARY" plan --bare --json "$example") ||
      fail "$BINARY-$1 does not plan $example as $BINARY does"
  done
}

# need_cross ARCHITECTURE: what the package for another architecture is made with.
need_cross() {
  # shellcheck disable=SC2086
  [ -z "${CROSS_PACKAGES[$1]:-}" ] || need_packages ${CROSS_PACKAGES[$1]}
}

# cross_deb ARCHITECTURE: the package for another architecture. The binary that is there prints its man pages.
cross_deb() {
  cross_publish "$1"
  packaging/deb.sh "$BINARY-$1" "$1" "$BINARY"
}

# cross_deb_nicely ARCHITECTURE: makes it with what the rest leaves of the processors.
cross_deb_nicely() {
  renice -n 19 -p $BASHPID >/dev/null
  # Compilers and builders that stay for the next build would be as slow for that.
  export UseSharedCompilation=false MSBUILDDISABLENODEREUSE=1
  cross_deb "$1"
}

deb() {
  need_packages dpkg binutils
  command -v dpkg-deb >/dev/null || fail "a Debian package is made with dpkg-deb, which is not here"
  local here architecture
  here=$(dpkg --print-architecture)
  publish
  [ $# -gt 0 ] || set -- "$here"
  for architecture in "$@"; do
    if [ "$architecture" = "$here" ]; then
      packaging/deb.sh "$BINARY" "$here"
    else
      need_cross "$architecture"
      cross_deb "$architecture"
    fi
  done
}

# Who ran this with sudo gets what was built: the next run may be without.
give_back() {
  [ -z "${SUDO_UID:-}" ] || [ ! -d artifacts ] || [ "$(stat -c %u .)" != "$SUDO_UID" ] ||
    chown -R "$SUDO_UID:${SUDO_GID:-$SUDO_UID}" artifacts
}
leave() {
  end_beside
  give_back
}
trap leave EXIT
# Tests that Ctrl-C ends report what they have and end in order, after which bash would go on with the next ones.
trap 'exit 130' INT

lab() {
  need_root lab
  need_packages "${RUN_PACKAGES[@]}" "${LAB_PACKAGES[@]}"
  want_packages "${KERNEL_PACKAGES[@]}"
  publish
  [ $# -gt 0 ] || set -- examples/ipsec.yaml
  say "weft lab up $*"
  "$BINARY" lab up "$@"
}

run_tests() {
  need_dotnet
  if [ "$(id -u)" = 0 ]; then
    need_packages "${RUN_PACKAGES[@]}" "${LAB_PACKAGES[@]}" "${TEST_PACKAGES[@]}"
    want_packages "${KERNEL_PACKAGES[@]}" "${BROWSER_PACKAGES[@]}"
    local package
    for package in "${IDLE_PACKAGES[@]}"; do
      ! keeps_idle "$package" || need_packages "$package"
    done
    if keeps_idle docker && keeps_idle lxd && keeps_idle podman && keeps_idle incus; then
      want_packages "${ENGINE_PACKAGES[@]}"
      need_incus
    fi
  else
    say "not root: the tests that need labs will be skipped"
  fi
  need_packages "${BUILD_PACKAGES[@]}"
  build_all
  local projects=("$@") project failed=0
  if [ ${#projects[@]} -eq 0 ]; then
    for project in tests/*/*.csproj; do projects+=("$(basename "$(dirname "$project")")"); done
  fi
  # Labs are tested with the very binary that is shipped.
  export WEFT_BINARY=$PWD/$BINARY
  if command -v dpkg-deb >/dev/null; then
    WEFT_PACKAGE=$PWD/$(packaging/deb.sh "$BINARY" "$(dpkg --print-architecture)")
    export WEFT_PACKAGE
    case " ${projects[*]} " in *" Weft.LabTests "*) begin_cross_deb ;; esac
  fi
  rm -rf artifacts/test-results
  mkdir -p artifacts/test-results
  run_projects "${projects[@]}"
  for project in "${FAILED[@]}"; do run_again "$project" || failed=1; done
  summary
  return $failed
}

# The binary, and beside it all that is tested: for most of the time either keeps one processor busy.
build_all() {
  say "building $BINARY, and all with formatting checked"
  dotnet restore -v quiet --nologo
  beside publish compile --no-restore
  CI=true dotnet build --no-restore -v quiet --nologo
  if ! joined publish; then
    cat artifacts/publish.log >&2
    fail "$BINARY was not built"
  fi
}

# What makes the other architecture's package, while it does.
CROSS_DEB=

# The other architecture's package takes a compiler of its own, which not every machine can be given, and minutes, in which
# the labs that are tested first wait for most of the time.
begin_cross_deb() {
  local other=arm64
  [ "$(dpkg --print-architecture)" != arm64 ] || other=amd64
  [ "$(id -u)" = 0 ] || return 0
  # In a shell of its own, which it ends where something cannot be installed.
  if (need_cross "$other"); then
    CROSS_DEB=package-$other
    beside "$CROSS_DEB" cross_deb_nicely "$other"
  else
    say "there is no package for $other: its test will be skipped"
  fi
}

# Waits for the other architecture's package, before the tests of packages.
await_cross_deb() {
  [ -n "$CROSS_DEB" ] || return 0
  if ! joined "$CROSS_DEB"; then
    cat "artifacts/$CROSS_DEB.log" >&2
    say "there is no ${CROSS_DEB/-/ for }: its test will be skipped"
  fi
  CROSS_DEB=
}

# The projects with tests that failed.
FAILED=()

# run_projects PROJECT...: runs the tests of all. Labs with kernels of their own wait for most of the time: what needs no lab is
# tested beside them. Weft.LabTests has the machine to itself: it counts packets that are lost within a tenth of a second.
run_projects() {
  local project labs=() others=() last=${BESIDE[${CROSS_DEB:-none}]:-}
  for project in "$@"; do
    case $project in
      Weft.KernelTests | Weft.LabTests) labs+=("$project") ;;
      *) others+=("$project") ;;
    esac
  done
  if [ ${#labs[@]} -eq 0 ]; then
    labs=("${others[@]}") others=()
  fi
  for project in "${others[@]}"; do
    beside "$project" in_turn "$last" run_project "$project" "$project"
    last=${BESIDE[$project]}
  done
  [ ${#others[@]} -eq 0 ] || say "meanwhile, and told of later: ${others[*]}"
  for project in "${labs[@]}"; do
    if [ "$project" = Weft.LabTests ]; then
      await_cross_deb
      await_projects "${others[@]}"
      others=()
    fi
    say "$project"
    run_project "$project" "$project" || FAILED+=("$project")
  done
  await_projects "${others[@]}"
}

# await_projects PROJECT...: waits for tests that run beside, and tells what came of them.
await_projects() {
  local project code
  for project in "$@"; do
    code=0
    joined "$project" || code=$?
    say "$project"
    cat "artifacts/$project.log"
    [ $code = 0 ] || FAILED+=("$project")
  done
}

# in_turn PROCESS COMMAND...: runs it once the process has ended, if any is named, and leaves the labs their time.
in_turn() {
  [ -z "$1" ] || tail --pid="$1" --follow /dev/null
  shift
  renice -n 10 -p $BASHPID >/dev/null
  "$@"
}

# run_project PROJECT RESULT [FILTER...]: runs its tests, and leaves what came of them in RESULT.trx.
run_project() {
  local project=$1 result=$2
  shift 2
  "artifacts/bin/$project/debug/$project" --report-trx --report-trx-filename "$result.trx" \
    --results-directory artifacts/test-results "$@" && [ -e "artifacts/test-results/$result.trx" ]
}

# run_again PROJECT: runs tests that failed once more, with nothing beside them: they have deadlines, and a machine that was
# busy with something else for a minute breaks one. Those that pass then are named at the end. A handful only: more is no
# bad luck.
run_again() {
  local project=$1 methods filters=() method
  [ -e "artifacts/test-results/$project.trx" ] || return 1
  mapfile -t methods < <(failed_methods "$project")
  [ ${#methods[@]} -gt 0 ] && [ ${#methods[@]} -le 5 ] || return 1
  for method in "${methods[@]}"; do filters+=(--filter-method "$method"); done
  say "$project: ${#methods[@]} failed, and are run again: ${methods[*]}"
  run_project "$project" "$project.again" "${filters[@]}"
}

# failed_methods RESULT: the methods of its tests that failed.
failed_methods() {
  sed -n '/<UnitTestResult .*outcome="Failed"/s/.* testName="\([^"(]*\).*/\1/p' "artifacts/test-results/$1.trx" | sort -u
}

# counted RESULT WHAT...: how many of its tests are counted as one of that.
counted() {
  local file=artifacts/test-results/$1.trx sum=0 name
  shift
  for name in "$@"; do
    sum=$((sum + $(sed -n "s/.*<Counters .* $name=\"\([0-9]*\)\".*/\1/p;s/.*<Counters $name=\"\([0-9]*\)\".*/\1/p" "$file")))
  done
  echo "$sum"
}

# The counts come from the result files, not from what was printed. What failed is named again, as
# thousands of lines may lie between the failure and the end.
summary() {
  local passed=0 bad=0 skipped=0 file result failed
  for file in artifacts/test-results/*.trx; do
    result=$(basename "$file" .trx)
    [ -e "$file" ] && [ "$result" = "${result%.again}" ] || continue
    failures "$file"
    failed=$(counted "$result" failed error timeout aborted)
    passed=$((passed + $(counted "$result" passed)))
    skipped=$((skipped + $(counted "$result" total) - $(counted "$result" executed)))
    if [ -e "artifacts/test-results/$result.again.trx" ]; then
      failures "artifacts/test-results/$result.again.trx"
      comm -23 <(failed_methods "$result") <(failed_methods "$result.again") | sed 's/^/unsteady, passed when it was run again: /'
      passed=$((passed + failed))
      failed=$(counted "$result.again" failed error timeout aborted)
      passed=$((passed - failed))
    fi
    bad=$((bad + failed))
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
    want_packages "${KERNEL_PACKAGES[@]}"
    publish
    dotnet run -c Release --project bench/Weft.Bench -- "$@"
    ;;
  publish) publish ;;
  deb) deb "$@" ;;
  install)
    # One that was built elsewhere and copied here does as well.
    if [ ! -x "$BINARY" ] || command -v dotnet >/dev/null; then publish; fi
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
