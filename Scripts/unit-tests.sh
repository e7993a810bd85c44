#!/bin/sh
# usage: unit-tests.sh [ARGUMENT...]
# Runs the tests that have been built, ARGUMENT... is for swift test; when some fail, says at the end which, and why.
set -eu

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The exit code goes by a file: of a pipe a shell tells only the last one.
{ swift test --skip-build --parallel "$@" 2>&1 || echo $? >"$work/code"; } | tee "$work/output"
[ -e "$work/code" ] || exit 0
echo
echo "what failed:"
grep -a -A 4 '^✘' "$work/output" | grep -a -v -e '^✔' -e '^◇' || echo "no test said why; the end of the output above may"
exit "$(cat "$work/code")"
