#!/bin/sh
# usage: service-check.sh [DIRECTORY]
# Has systemd's own tools judge the units, and a real journald take the log of the logsd of DIRECTORY (.build/debug).
# Needs Debian's package systemd, and root for journald, which runs in a mount namespace: nothing of the machine's is
# touched. The units themselves are not started: that takes systemd as process 1.
set -eu

binaries=$(cd "${1:-.build/debug}" && pwd)
command -v systemd-analyze >/dev/null || {
  echo "systemd-analyze is missing; install it with: apt-get install --no-install-recommends systemd" >&2
  exit 1
}
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT

# The service is not installed here: its program is the one that was built.
for unit in logsd.service logsd.socket logs-ship.service; do
  sed "s|/usr/bin/log|$binaries/log|" "Packaging/$unit" >"$directory/$unit"
done
found=$(systemd-analyze verify --man=no "$directory"/log*.service "$directory/logsd.socket" 2>&1) || true
[ -z "$found" ] || {
  echo "systemd-analyze verify: $found" >&2
  exit 1
}
echo "systemd-analyze has nothing to say about the units"
# In tenths: what systemd calls OK ends below 4.
systemd-analyze security --offline=true --threshold=20 "$directory/logsd.service" | tail -n 1
# It runs as root, without root's powers but reading.
systemd-analyze security --offline=true --threshold=40 "$directory/logs-ship.service" | tail -n 1

[ "$(id -u)" = 0 ] || {
  echo "skipped: journald needs root"
  exit 0
}
unshare --mount --propagation private Scripts/journal-check.sh "$binaries" "$directory"
