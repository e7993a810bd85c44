#!/bin/sh
# usage: fuzz.sh SECONDS [TARGET...]
# Builds the fuzz targets with the sanitizers in .build/fuzz, and runs those that are named, or all, for SECONDS divided
# among them. What libFuzzer finds interesting is kept in .build/fuzz/corpus and goes on from there the next time. Fails
# when something is found; the input is printed, with the command that repeats it.
set -eu

seconds=$1
shift
scratch=.build/fuzz

# SwiftPM renames each program's main, and libFuzzer's archive has one: its part without it is linked by hand, and only
# the compiler's front end is asked for coverage. Sums keep their checks, and assertions theirs, in optimized code.
driver=$(clang --print-resource-dir)/lib/linux/libclang_rt.fuzzer_no_main-$(uname -m).a
LOGS_FUZZ=1 swift build --scratch-path "$scratch" -c release --product fuzz --sanitize address \
  -Xswiftc -Xfrontend -Xswiftc -sanitize=fuzzer,address -Xswiftc -enable-testing -Xswiftc -assert-config \
  -Xswiftc Debug -Xswiftc -use-ld=lld -Xlinker "$driver" -Xlinker -lstdc++ -Xswiftc -gline-tables-only
program=$scratch/release/fuzz

# As in sanitized-tests.sh. Swift's own backtraces read memory that the sanitizer guards.
export ASAN_OPTIONS=use_sigaltstack=0:detect_leaks=0 SWIFT_BACKTRACE=enable=no

targets=${*:-$("$program" list)}
count=$(echo "$targets" | wc -w)
share=$((seconds / count))
[ "$share" -gt 0 ] || share=1
code=0
printf '%-16s %12s %10s %8s\n' target runs runs/s MiB
for target in $targets; do
  corpus=$scratch/corpus/$target
  log=$scratch/$target.log
  findings=$scratch/findings/$target
  mkdir -p "$corpus" "$findings"
  "$program" seeds "$target" "$scratch/seeds/$target"
  nice -n 19 "$program" fuzz "$target" -max_total_time="$share" -timeout=20 -rss_limit_mb=2048 \
    -print_final_stats=1 -report_slow_units=20 -dict="$scratch/seeds/$target.words" -artifact_prefix="$findings/" "$corpus" "$scratch/seeds/$target" \
    >"$log" 2>&1 || code=1
  number() { sed -n "s/^stat::$1: *//p" "$log"; }
  printf '%-16s %12s %10s %8s\n' "$target" "$(number number_of_executed_units)" "$(number average_exec_per_sec)" \
    "$(number peak_rss_mb)"
  for file in $(sed -n 's/.*Test unit written to //p' "$log"); do
    echo "found something in $target; the end of $log says what. Again:"
    echo "  $program run $target $(od -An -v -tx1 "$file" | tr -d ' \n')"
  done
done
exit $code
