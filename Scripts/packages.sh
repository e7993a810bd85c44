#!/bin/sh
# usage: packages.sh [PACKAGE...]
# Installs the Debian packages that logs is built and tested with, and those that are named, as root or through sudo. Does
# nothing when all are there.
set -eu

# What a Swift toolchain that was only unpacked needs to run and link.
toolchain="binutils git libc6-dev libcurl4 libgcc-12-dev libncurses6 libstdc++-12-dev libxml2 tzdata"
# The libraries, and what the tests and the reference decoder run.
project="libevent-dev libnghttp2-dev libpcre2-dev libsqlite3-dev libssl-dev libwslay-dev libxxhash-dev libzstd-dev zlib1g-dev make openssl pkg-config python3 python3-xxhash python3-zstandard sqlite3 curl fish zsh"
packages="$toolchain $project $*"

missing=""
for package in $packages; do
  state=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
  [ "$state" = "install ok installed" ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

install="apt-get install -y --no-install-recommends$missing"
if [ "$(id -u)" = 0 ]; then
  sudo=""
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
  sudo="sudo"
else
  echo "These Debian packages are missing:$missing" >&2
  echo "Install them as root, then run make again:" >&2
  echo "  apt-get update && $install" >&2
  exit 1
fi
echo "installing:$missing" >&2
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -q >&2
# shellcheck disable=SC2086 # a list of words on purpose
$sudo $install >&2
