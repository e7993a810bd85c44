#!/bin/sh
# usage: openapi-test.sh [ARGUMENT...]
# Lets schemathesis (from PyPI) ask a server of its own what openapi.json says, with ARGUMENT... for schemathesis. Needs
# the network and .build/release/logsd (make release).
set -eu

work=$(mktemp -d)
server=""
trap '[ -z "$server" ] || kill "$server"; rm -rf "$work"' EXIT

/usr/bin/python3 -m venv "$work/venv"
"$work/venv/bin/pip" -q install schemathesis
.build/release/logsd --data "$work/data" --listen none --listen-http 127.0.0.1:0 >"$work/ready" &
server=$!
until grep -q '^ready ' "$work/ready"; do kill -0 "$server"; sleep 0.1; done
url=$(sed -n 's/^ready //p' "$work/ready")
# Follows do not end, and WebSockets are none of its business. Times and filters have languages of their own, so that
# what the schema allows may still be refused.
"$work/venv/bin/schemathesis" run "$url/api/v1/openapi.json" --url "$url" --exclude-path-regex 'follow|/ws$|/wire$' \
  --exclude-checks positive_data_acceptance "$@"
