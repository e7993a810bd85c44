#!/bin/sh
# usage: deb.sh
# Makes .build/logs_VERSION_ARCHITECTURE.deb of the release build: both programs, the service, man pages, completions.
set -eu

cd "$(dirname "$0")/.."
version=$(.build/release/logs version | sed -n 's/^logs \([0-9.]*\).*/\1/p')
# Who makes the package.
maintainer=${MAINTAINER:-"logs packages <packages@logs.invalid>"}
architecture=$(dpkg --print-architecture)
# A fixed time makes the same package of the same commit.
epoch=$(git log -1 --format=%ct 2>/dev/null || date +%s)
root=.build/deb
rm -rf "$root"
mkdir -p "$root/DEBIAN" "$root/usr/bin" "$root/lib/systemd/system" "$root/usr/lib/sysusers.d" "$root/etc/logs" \
  "$root/usr/share/doc/logs" "$root/usr/share/man/man1" "$root/usr/share/man/man7" "$root/usr/share/man/man8" \
  "$root/usr/share/bash-completion/completions" "$root/usr/share/zsh/vendor-completions" \
  "$root/usr/share/fish/vendor_completions.d"

for program in logs logsd; do
  strip -o "$root/usr/bin/$program" ".build/release/$program"
  chmod 755 "$root/usr/bin/$program"
done
mkdir -p "$root/usr/lib/logs"
strip --strip-unneeded -o "$root/usr/lib/logs/logs.so" .build/release/logs.so
chmod 644 "$root/usr/lib/logs/logs.so"
install -m 644 Packaging/logsd.service "$root/lib/systemd/system/logsd.service"
install -m 644 Packaging/logsd.socket "$root/lib/systemd/system/logsd.socket"
install -m 644 Packaging/logs-ship.service "$root/lib/systemd/system/logs-ship.service"
install -m 644 Packaging/sysusers.conf "$root/usr/lib/sysusers.d/logs.conf"
install -m 644 Packaging/logsd.conf "$root/etc/logs/logsd.conf"
install -m 644 Packaging/ship.conf "$root/etc/logs/ship.conf"
printf '%s\n' /etc/logs/logsd.conf /etc/logs/ship.conf >"$root/DEBIAN/conffiles"

.build/release/logs completion bash >"$root/usr/share/bash-completion/completions/logs"
.build/release/logs completion zsh >"$root/usr/share/zsh/vendor-completions/_logs"
.build/release/logs completion fish >"$root/usr/share/fish/vendor_completions.d/logs.fish"
chmod 644 "$root/usr/share/bash-completion/completions/logs" "$root/usr/share/zsh/vendor-completions/_logs" \
  "$root/usr/share/fish/vendor_completions.d/logs.fish"

pages=.build/man
rm -rf "$pages"
mkdir -p "$pages"
Scripts/man-pages.sh "$pages"
for page in "$pages"/*; do
  gzip -9n <"$page" >"$root/usr/share/man/man${page##*.}/${page##*/}.gz"
done
find "$root/usr/share/man" -type f -exec chmod 644 {} +

printf 'logs (%s) unstable; urgency=medium\n\n  * See the history of the source.\n\n -- %s  %s\n' "$version" \
  "$maintainer" "$(date -R -d "@$epoch")" | gzip -9n >"$root/usr/share/doc/logs/changelog.gz"
install -m 644 Packaging/debian/copyright "$root/usr/share/doc/logs/copyright"

# The libraries that both need, with the versions of this system.
scratch=.build/deb-shlibs
rm -rf "$scratch"
mkdir -p "$scratch/debian"
printf 'Source: logs\n\nPackage: logs\nArchitecture: any\n' >"$scratch/debian/control"
here=$(pwd)
depends=$(cd "$scratch" && dpkg-shlibdeps -O "$here/$root/usr/bin/logs" "$here/$root/usr/bin/logsd" \
  "$here/$root/usr/lib/logs/logs.so" 2>/dev/null |
  sed -n 's/^shlibs:Depends=//p')
rm -rf "$scratch"
sed -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$architecture/" -e "s/@DEPENDS@/$depends/" \
  -e "s/@MAINTAINER@/$maintainer/" Packaging/debian/control >"$root/DEBIAN/control"
for script in postinst prerm postrm; do install -m 755 "Packaging/debian/$script" "$root/DEBIAN/$script"; done

find "$root" -exec touch -h -d "@$epoch" {} +
package=.build/logs_${version}_$architecture.deb
SOURCE_DATE_EPOCH=$epoch dpkg-deb --root-owner-group -Zxz --build "$root" "$package" >/dev/null
rm -rf "$root"
echo "$package"
