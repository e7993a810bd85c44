#!/bin/sh
# usage: metrics-check.sh [DIRECTORY]
# Starts the logsd of DIRECTORY (.build/debug) and has promtool judge names, units and form of its metrics. promtool is
# in Debian's package prometheus, which takes 96 MB and is therefore not among those that the tests need.
set -eu

logsd=${1:-.build/debug}/logsd
command -v promtool >/dev/null || {
  echo "promtool is missing; install it with: apt-get install --no-install-recommends prometheus" >&2
  exit 1
}
directory=$(mktemp -d)
process=""
stop() {
  if [ -n "$process" ]; then
    kill "$process" && wait "$process"
  fi
  rm -rf "$directory"
}
trap stop EXIT
mkfifo "$directory/ready"
"$logsd" --data "$directory/data" --listen none --listen-http 127.0.0.1:0 >"$directory/ready" 2>"$directory/log" &
process=$!
read -r _ url <"$directory/ready"
for path in entries entries follow?timeout=x; do
  curl -s -o /dev/null -H 'Content-Type: text/plain' --data-binary one "$url/api/v1/streams/check/$path"
done
curl -sf "$url/metrics" >"$directory/metrics"
promtool check metrics <"$directory/metrics"
echo "promtool has nothing to say about $(grep -c '^# TYPE' "$directory/metrics") metrics"
