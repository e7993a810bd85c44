#!/bin/sh
# usage: journal-blocks-check.sh [DIRECTORY]
# Has the logsd of DIRECTORY (.build/debug) keep its data on a device with blocks of 4,096 bytes, and kills it after some
# appends, again and again: its journal must be made of such blocks, and what was acknowledged must be there after each
# start. Then the data of a device with smaller blocks moves there. Needs root, for a loop device with ext4 on it.
set -eu

binaries=$(cd "${1:-.build/debug}" && pwd)
[ "$(id -u)" = 0 ] || {
  echo "skipped: loop devices need root"
  exit 0
}
scratch=$(mktemp -d "${TMPDIR:-/var/tmp}/logs-blocks-XXXXXX")
device=""
server=""

stop() {
  [ -z "$server" ] || {
    kill "-$1" "$server"
    # The shell has a word for those that were killed.
    wait "$server" 2>"$scratch/last" || [ "$1" = KILL ]
    server=""
  }
}

finish() {
  stop KILL 2>"$scratch/last"
  ! mountpoint -q "$scratch/disk" || umount "$scratch/disk"
  [ -z "$device" ] || losetup -d "$device"
  rm -rf "$scratch"
}
trap finish EXIT

fail() {
  echo "journal-blocks-check: $1" >&2
  cat "$scratch/log" >&2
  exit 1
}

start() {
  : >"$scratch/ready"
  "$binaries/logsd" --data "$1" --listen-unix "$scratch/socket" --listen none --disk-min-free 0 >"$scratch/ready" 2>"$scratch/log" &
  server=$!
  for _ in $(seq 100); do
    grep -q ready "$scratch/ready" && return
    sleep 0.1
  done
  fail "the server did not start"
}

logs() {
  command=$1
  shift
  "$binaries/logs" "$command" "$@" --server "logs+unix://$scratch/socket"
}

# The size of a journal's blocks, from its header.
blocks() {
  od -A n -t u4 -j 12 -N 4 "$1/journal" | tr -d ' '
}

truncate -s 512M "$scratch/image"
device=$(losetup --show -f --sector-size 4096 "$scratch/image")
mkfs.ext4 -q "$device"
mkdir "$scratch/disk" "$scratch/small"
mount "$device" "$scratch/disk"

start "$scratch/disk/data"
grep -q "through the page cache" "$scratch/log" && fail "the journal is not written past the cache"
[ "$(blocks "$scratch/disk/data")" = 4096 ] || fail "the journal's blocks have $(blocks "$scratch/disk/data") bytes"
for round in 1 2 3 4 5; do
  for line in $(seq 20); do echo "round $round, line $line" | logs push blocks 2>"$scratch/last"; done
  stop KILL
  start "$scratch/disk/data"
  stored=$(logs query blocks -o raw | wc -l)
  [ "$stored" = $((round * 20)) ] || fail "$stored entries are there after $((round * 20)) acknowledgements"
done
stop TERM

start "$scratch/small"
echo "from elsewhere" | logs push moved 2>"$scratch/last"
stop TERM
smaller=$(blocks "$scratch/small")
cp -a "$scratch/small" "$scratch/disk/moved"
start "$scratch/disk/moved"
echo "here" | logs push moved 2>"$scratch/last"
[ "$(logs query moved -o raw)" = "from elsewhere
here" ] || fail "what was stored elsewhere is not there"
[ "$(blocks "$scratch/disk/moved")" = 4096 ] || fail "the journal kept blocks of $smaller bytes"
stop TERM
echo "a journal on 4,096-byte blocks: 5 kills lost nothing of 100 acknowledged entries; one of $smaller-byte blocks was replaced"
