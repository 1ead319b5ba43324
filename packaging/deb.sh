#!/usr/bin/env bash
# deb.sh BINARY ARCHITECTURE [WEFT]: makes artifacts/weft_VERSION_ARCHITECTURE.deb of a published binary, with Debian's own
# tools. WEFT is one that runs here, where BINARY does not: it prints the man pages and the completions.
set -euo pipefail
cd "$(dirname "$0")/.."
binary=$1 architecture=$2 weft=${3:-$1}

# What MinVer calls 0.1.0-alpha.0.7 comes before 0.1.0, which Debian writes with a tilde (deb-version(7)).
version=$("$weft" --version)
version=${version%%+*}
version=${version/-/\~}
# The same commit makes the same package, byte for byte (reproducible-builds.org).
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
maintainer="${DEBFULLNAME:-The Weft authors} <${DEBEMAIL:-weft@localhost}>"

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 755 "$root"
# put MODE TARGET: standard input becomes a file of the package.
put() { install -D -m "$1" /dev/stdin "$root/$2"; }

put 0755 usr/bin/weft <"$binary"
for unit in src/Weft/Installation/*.service; do
  name=${unit##*/}
  {
    echo "# Of the Debian package. Changes of yours: \`systemctl edit ${name%.service}\`."
    sed -e 1d -e 's|@PROGRAM@|/usr/bin/weft|; s|@HOST@||' "$unit"
  } | put 0644 "usr/lib/systemd/system/$name"
done
"$weft" completion bash | put 0644 usr/share/bash-completion/completions/weft
"$weft" completion zsh | put 0644 usr/share/zsh/vendor-completions/_weft
"$weft" completion fish | put 0644 usr/share/fish/vendor_completions.d/weft.fish
mkdir -p "$root/usr/share/man/man1"
"$weft" man --directory "$root/usr/share/man/man1" >/dev/null
gzip -9n "$root"/usr/share/man/man1/*
chmod 0644 "$root"/usr/share/man/man1/*
put 0644 usr/share/doc/weft/copyright <packaging/copyright
gzip -9n <CHANGELOG.md | put 0644 usr/share/doc/weft/NEWS.md.gz
gzip -9n <<TEXT | put 0644 usr/share/doc/weft/changelog.gz
weft ($version) unstable; urgency=medium

  * What is new is in NEWS.md.gz.

 -- $maintainer  $(date -uRd "@$SOURCE_DATE_EPOCH")
TEXT
put 0644 usr/share/lintian/overrides/weft <packaging/lintian-overrides

# The newest version of glibc that the binary asks for, and no library that the package does not depend on.
glibc=$(LC_ALL=C readelf -W --dyn-syms "$binary" | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -n 1)
unknown=$(LC_ALL=C readelf -d "$binary" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
  grep -vE '^(lib(c|m|dl|pthread|rt)\.so\.[0-9]|ld-linux-.*)$') || true
[ -z "$unknown" ] || { echo "deb.sh: no package is known for $unknown" >&2; exit 1; }

for script in postinst prerm postrm; do put 0755 "DEBIAN/$script" <"packaging/$script"; done
put 0644 DEBIAN/triggers <packaging/triggers
sed -e "s|@VERSION@|$version|; s|@ARCHITECTURE@|$architecture|; s|@GLIBC@|${glibc#GLIBC_}|; s|@MAINTAINER@|$maintainer|" \
  -e "s|@SIZE@|$(du -sk --apparent-size "$root/usr" | cut -f1)|" packaging/control | put 0644 DEBIAN/control
(cd "$root" && find usr -type f -print0 | sort -z | xargs -0 md5sum) | put 0644 DEBIAN/md5sums
find "$root" -type d -exec chmod 0755 {} +

mkdir -p artifacts
package=artifacts/weft_${version}_$architecture.deb
dpkg-deb --root-owner-group -Zxz -z3 --build "$root" "$package.new" >/dev/null
# Whoever names artifacts/weft_*_amd64.deb means this one.
rm -f artifacts/weft_*_"$architecture".deb
mv "$package.new" "$package"
echo "$package"
