#!/bin/sh
# usage: sanitized-tests.sh address|thread [SUITE]
# Builds the tests with a sanitizer, in .build/asan or .build/tsan, and runs those whose names match SUITE, or all but
# the end-to-end tests and those that count allocations. Reports of the programs that tests start count, too.
set -eu

kind=$1
suite=${2:-}
case $kind in
address) scratch=.build/asan ;;
thread) scratch=.build/tsan ;;
esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

swift build --scratch-path "$scratch" --sanitize "$kind" -Xswiftc -gline-tables-only --build-tests
export SWIFT_BACKTRACE=enable=no LOGS_BINARIES="$PWD/$scratch/debug"
if [ "$kind" = thread ]; then
  clang -shared -fPIC -O1 -o "$work/mutex.so" Tests/Sanitizers/mutex.c -ldl
  export TSAN_OPTIONS="log_path=$work/report suppressions=$PWD/Tests/Sanitizers/thread.supp exitcode=0"
  preload=$work/mutex.so
else
  # The signals' stacks are set by the programs themselves. Leaks are not looked for: Swift keeps addresses in forms that
  # the sanitizer does not recognize (of side tables of weak references, shifted; of enums' payloads, with bits set).
  export ASAN_OPTIONS="log_path=$work/report exitcode=99 use_sigaltstack=0 detect_leaks=0"
  preload=
fi

code=0
run() {
  LD_PRELOAD=$preload swift test --scratch-path "$scratch" --sanitize "$kind" -Xswiftc -gline-tables-only --skip-build \
    --disable-xctest "$@" || code=$?
}
if [ -n "$suite" ]; then
  run --parallel --filter "$suite"
else
  # One target after the other: all at once they outlast the time that single tests have. So do the client's: what waits
  # for a server that is not there tries again all the time.
  for target in Tests/*Tests; do
    case $target in
    */EndToEndTests | */BenchmarkTests | */ViewerTests) ;;
    */ClientTests) run --no-parallel --filter '^ClientTests\.' ;;
    *) run --parallel --filter "^${target#Tests/}\." ;;
    esac
  done
fi
for report in "$work"/report.*; do
  [ -e "$report" ] || continue
  code=1
  cat "$report"
done
exit $code
