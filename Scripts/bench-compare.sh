#!/bin/sh
# usage: [ROUNDS=3] [ENTRIES=1000000] [SECONDS=5] [CORPUS=FILE] bench-compare.sh
# CORPUS is a file as logs bench corpus writes it; the built-in lines without one.
# Does the same work with logsd and with Redis streams, in turn, and prints medians, spreads and ratios. Redis gets one XADD for each
# entry, with time, level, source and message as fields, and an fsync before each acknowledgement (appendfsync always), as logsd
# has. Every run has a server with no data; nothing is left of it.
set -eu

rounds=${ROUNDS:-3}
entries=${ENTRIES:-1000000}
seconds=${SECONDS:-5}
corpus=${CORPUS:-}
root=$(cd "$(dirname "$0")/.." && pwd)
logs=$root/.build/release/logs
python=/usr/bin/python3
# Not in /tmp, which is kept in memory on many systems: there an fsync costs nothing.
TMPDIR=${TMPDIR:-/var/tmp}
export TMPDIR
work=$(mktemp -d)
redis=""

finish() {
  trap - INT TERM EXIT
  stop_redis
  rm -rf "$work"
}
stop_redis() {
  [ -n "$redis" ] || return 0
  kill -9 "$redis" 2>/dev/null || true
  wait "$redis" 2>/dev/null || true
  redis=""
  rm -rf "$work/redis"
}
trap 'finish; exit 130' INT TERM
trap finish EXIT

clang -O2 -Wall -Wextra -Werror -o "$work/redis-bench" "$root/Benchmarks/redis/redis-bench.c"
if [ -z "$corpus" ]; then
  corpus=$work/corpus.tsv
  "$logs" bench corpus --entries 200000 >"$corpus"
fi

# Without rewrites of its log in between: they cost Redis more than they help it here.
start_redis() {
  mkdir "$work/redis"
  port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  redis-server --bind 127.0.0.1 --port "$port" --dir "$work/redis" --appendonly yes --appendfsync always --save '' \
    --auto-aof-rewrite-percentage 0 --daemonize no --logfile "$work/redis/log" &
  redis=$!
  tries=0
  until [ "$(redis-cli -p "$port" ping 2>/dev/null)" = PONG ]; do
    tries=$((tries + 1))
    if [ "$tries" -ge 100 ] || ! kill -0 "$redis" 2>/dev/null; then
      echo "bench-compare: redis-server did not become ready: $(tail -n 1 "$work/redis/log")" >&2
      exit 1
    fi
    sleep 0.1
  done
}

# measure WORKLOAD KIND [FLAG...]: one run of each.
measure() {
  workload=$1
  kind=$2
  shift 2
  echo "round $round of $rounds: $workload, $kind $*" >&2
  "$logs" bench "$kind" "$@" --corpus "$corpus" --repeat 1 -o json >"$work/result"
  printf '%s\tlogs\t%s\n' "$workload" "$(cat "$work/result")" >>"$work/results"
  start_redis
  "$work/redis-bench" "$kind" "$port" "$corpus" "$@" >"$work/result"
  stop_redis
  printf '%s\tredis\t%s\n' "$workload" "$(cat "$work/result")" >>"$work/results"
}

round=1
while [ "$round" -le "$rounds" ]; do
  measure B1 append --entries "$entries" --batch 1000
  measure B2 append --entries "$entries" --batch 1000 --producers 4
  measure B3 ack --seconds "$seconds" --connections 1
  measure B4 ack --seconds "$seconds" --connections 64
  measure B5 tail --seconds "$seconds" --rate 1000
  measure B8 read --entries "$entries"
  round=$((round + 1))
done
"$python" "$root/Benchmarks/redis/ratios.py" "$work/results"
