#!/bin/sh
# The viewer's tests, in Chromium, driven by Playwright (from PyPI). Their files run side by side.
# Usage: viewer-tests.sh [MODULE...]
set -eu
cd "$(dirname "$0")/.."

venv=.build/viewer-tests
[ -x "$venv/bin/python" ] || /usr/bin/python3 -m venv "$venv"
"$venv/bin/python" -c 'import playwright' 2>/dev/null || "$venv/bin/pip" install --quiet playwright==1.65.2

[ $# -gt 0 ] || set -- $(cd Tests/ViewerTests && ls test_*.py | sed 's/\.py$//')
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
python=$PWD/$venv/bin/python
running=
for module; do
  (cd Tests/ViewerTests && "$python" -B -m unittest "$module") >"$logs/$module" 2>&1 &
  running="$running $!:$module"
done
status=0
for each in $running; do
  wait "${each%%:*}" || status=1
  echo "${each#*:}:"
  cat "$logs/${each#*:}"
done
exit $status
