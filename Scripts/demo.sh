#!/bin/sh
# usage: demo.sh [SECONDS] [LOG]
# Starts logsd on a free port with a new data directory, pushes a real log file, and follows it live while a writer keeps
# appending, until Ctrl-C or for SECONDS. Leaves no process and no file behind.
set -eu

seconds=${1:-}
log=${2:-}
case $seconds in
  *[!0-9]*)
    echo "demo: SECONDS takes a whole number, not '$seconds'" >&2
    exit 2
    ;;
esac
bin=$(cd "$(dirname "$0")/../.build/release" && pwd)
work=$(mktemp -d)
server=""
writer=""
follower=""

finish() {
  trap - HUP INT TERM EXIT
  for process in $follower $writer $server; do
    kill "$process" 2>/dev/null || true
  done
  # Each is waited for, so that none outlives the demo.
  for process in $follower $writer $server; do
    wait "$process" 2>/dev/null || true
  done
  rm -rf "$work"
}
trap 'finish; exit 0' HUP INT TERM
trap finish EXIT

if [ -z "$log" ]; then
  for candidate in /var/log/syslog /var/log/dpkg.log /var/log/apt/history.log /var/log/apt/term.log; do
    if [ -r "$candidate" ] && [ -s "$candidate" ]; then
      log=$candidate
      break
    fi
  done
fi
if [ -z "$log" ] || [ ! -r "$log" ]; then
  echo "demo: no log file to show was found in /var/log; name one: make demo LOG=FILE" >&2
  exit 1
fi

"$bin/logsd" --data "$work/data" --listen 127.0.0.1:0 >"$work/ready" &
server=$!
tries=0
until grep -q '^ready ' "$work/ready"; do
  kill -0 "$server" 2>/dev/null || { echo "demo: logsd did not start" >&2; exit 1; }
  tries=$((tries + 1))
  [ "$tries" -lt 100 ] || { echo "demo: logsd is not ready after 10 s" >&2; exit 1; }
  sleep 0.1
done
LOGS_SERVER=$(sed -n 's/^ready //p;q' "$work/ready")
export LOGS_SERVER

echo "demo: logsd listens on $LOGS_SERVER" >&2
"$bin/logs" push demo "$log"
"$bin/logs" streams

# The writer goes through the file again, a few lines a second, for as long as the demo runs.
mkfifo "$work/pipe"
"$bin/logs" push demo --source writer <"$work/pipe" 2>/dev/null &
pusher=$!
(
  exec >"$work/pipe"
  while :; do
    while IFS= read -r line; do
      printf '%s\n' "$line" || exit 0
      sleep 0.3
    done <"$log"
  done
) 2>/dev/null &
writer="$! $pusher"

echo "demo: following; Ctrl-C ends it" >&2
if [ -n "$seconds" ]; then
  timeout --foreground -s INT "$seconds" "$bin/logs" follow demo &
else
  "$bin/logs" follow demo &
fi
follower=$!
wait "$follower" || true
echo "demo: done" >&2
