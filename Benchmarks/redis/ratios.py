#!/usr/bin/python3
"""usage: ratios.py RESULTS

Prints medians, spreads and ratios of lines "workload TAB logs|redis TAB the JSON object that a run printed".
A ratio above 1 says that logsd is ahead: it does more in the same time, or takes less."""

import json
import statistics
import sys

# For each workload: what it is, and the numbers that count: their name, where they stand in the object, whether more is better.
RATE = "entries_per_second"
BULK = [("entries/s", [RATE], True), ("server CPU s per million", ["server", "cpu_seconds_per_million"], False)]
ACKS = [("acks/s", [RATE], True), ("p50 ms", ["latency_ms", "p50"], False), ("p99 ms", ["latency_ms", "p99"], False)]
WORKLOADS = {
    "B1": ("append, 1,000 a batch", BULK + [("resident MB after it", ["server", "resident_bytes"], False)]),
    "B2": ("append, 4 producers", BULK),
    "B3": ("one entry a request, 1 connection", ACKS),
    "B4": ("one entry a request, 64 connections", ACKS),
    "B5": ("live tail at 1,000 a second", ACKS[1:]),
    "B8": ("read all, decoded", [("entries/s", [RATE], True), BULK[1]]),
}


def number(run, path):
    for key in path:
        run = run[key]
    return run / 1e6 if path[-1] == "resident_bytes" else run


def shown(value):
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def main():
    runs = {}
    for line in open(sys.argv[1]):
        workload, system, text = line.rstrip("\n").split("\t")
        runs.setdefault((workload, system), []).append(json.loads(text))
    rows = [["", "workload", "number", "logsd", "from - to", "Redis", "from - to", "ratio"]]
    for workload, (name, numbers) in WORKLOADS.items():
        for place, (label, path, more_is_better) in enumerate(numbers):
            row, medians = [workload if place == 0 else "", name if place == 0 else "", label], []
            for system in ("logs", "redis"):
                values = [number(run, path) for run in runs[workload, system]]
                medians.append(statistics.median(values))
                row += [shown(medians[-1]), f"{shown(min(values))} - {shown(max(values))}"]
            ours, theirs = medians if more_is_better else reversed(medians)
            rows.append(row + [f"{ours / theirs:.2f}" if theirs else "-"])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    print(f"\nmedians of {min(len(values) for values in runs.values())} rounds; a ratio above 1: logsd is ahead\n")
    for row in rows:
        cells = [cell.ljust(width) if column < 3 else cell.rjust(width) for column, (cell, width) in enumerate(zip(row, widths))]
        print("  ".join(cells).rstrip())


main()
