#!/bin/sh
# usage: image-check.sh
# Runs the image of `make image` as it is meant to be run: without rights, on a root that cannot be written. Entries survive a
# restart and kill -9, a token works, a stop is quick and clean, and the image is judged healthy. Needs a Docker Engine
# (DOCKER_HOST); leaves nothing there but the image.
set -eu

cd "$(dirname "$0")/.."
name=logs-check-$$
work=$(mktemp -d)
trap 'docker rm -f "$name" >/dev/null 2>&1 || true; docker volume rm -f "$name" >/dev/null 2>&1 || true; rm -rf "$work"' EXIT

fail() {
  echo "image-check: $1" >&2
  docker logs "$name" 2>&1 | tail -20 >&2 || true
  exit 1
}

# eventually WHAT COMMAND...: within 30 s.
eventually() {
  what=$1
  shift
  left=300
  until "$@"; do
    left=$((left - 1))
    [ "$left" -gt 0 ] || fail "$what did not come"
    sleep 0.1
  done
}

is_ready() { docker logs "$name" 2>/dev/null | grep -q '^ready logs+unix'; }
is_healthy() { [ "$(docker inspect --format '{{.State.Health.Status}}' "$name")" = healthy ]; }
inside() { docker exec -i "$name" "$@"; }

# With the host's network, since it may be the only one there is.
port=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
docker run -d --name "$name" --network host --read-only --cap-drop ALL --security-opt no-new-privileges --memory 256m \
  -v "$name:/data" -e "LOGSD_LISTEN=127.0.0.1:$port" -e LOGSD_RETENTION_AGE=14d logs:latest >/dev/null
eventually "the server" is_ready
[ "$(docker inspect --format '{{.Config.User}}' "$name")" = 65532:65532 ] || fail "it runs as another user"
uid=$(sed -n 's/^Uid:[[:space:]]*\([0-9]*\).*/\1/p' "/proc/$(docker inspect --format '{{.State.Pid}}' "$name")/status")
[ "$uid" = 65532 ] || fail "the server is user $uid"

printf 'one\ntwo\n' | inside logs push web 2>/dev/null
printf 'three\n' | .build/release/logs push web --server "logs://127.0.0.1:$port" 2>/dev/null
printf 'one\ntwo\nthree\n' >"$work/wanted"
followed() {
  inside logs follow web -n all --until-head -o raw >"$work/followed" 2>/dev/null && cmp -s "$work/wanted" "$work/followed"
}
followed || fail "what was pushed did not come back"
inside logsd token create --name ci --allow 'append:ci/*' >"$work/token" 2>/dev/null
docker restart "$name" >/dev/null
eventually "the server after a restart" followed
docker kill -s KILL "$name" >/dev/null
docker start "$name" >/dev/null
eventually "the server after kill -9" followed
printf 'x\n' | .build/release/logs push ci/x --server "logs://127.0.0.1:$port" --token-file "$work/token" 2>/dev/null ||
  fail "the token is refused"
if printf 'x\n' | .build/release/logs push web --server "logs://127.0.0.1:$port" 2>/dev/null; then
  fail "tokens do not count"
fi
begun=$(date +%s%N)
eventually "the health check" is_healthy
echo "healthy $((($(date +%s%N) - begun) / 1000000)) ms after that"
begun=$(date +%s%N)
docker stop "$name" >/dev/null
took=$((($(date +%s%N) - begun) / 1000000))
code=$(docker inspect --format '{{.State.ExitCode}}' "$name")
[ "$code" = 0 ] || fail "a stop ends with $code"
[ "$took" -lt 8000 ] || fail "a stop takes $took ms"
echo "docker stop: $took ms, exit code $code"
docker image inspect logs:latest --format 'image: {{.Size}} bytes'
