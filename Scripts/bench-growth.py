#!/usr/bin/python3
"""usage: [ENTRIES=...] [STREAMS=...] [FOLLOWERS=...] [GIGABYTES=...] [ROWS=...] bench-growth.py [DIMENSION...]

Measures how costs grow with stored entries, streams, followers, stored size, and rows of the newest segment: a table for each, with
a column for each size, and the exponent, which is the slope of log cost over log size. 0 is a cost that stays the same, 1 one that
grows with the size. DIMENSION picks tables: entries, streams, followers, size, rows.

The sizes are lists of numbers. All are of full size without being told but the stored gigabytes. With these it takes two minutes
more, and 11 GB of disk:

    GIGABYTES="0.1 1 10" make bench-growth

Each size has a server of its own with data of its own in $TMPDIR, or else /var/tmp, which is gone afterwards. CPU is the server's.
Before a start that is called cold, the system was asked to keep nothing of the files in memory.
"""

import math
import os
import statistics
import sys

import bench_servers
from bench_servers import shown

CORPUS_LINE_COUNT = 100_000
SMALL_APPEND_COUNT = 200_000
# What a line of 128 random hexadecimal digits takes in the store, about.
RANDOM_LINE_BYTE_COUNT = 67


class Server(bench_servers.Logsd):
    def measure_start(self, name, costs):
        costs[f"{name}, ms"] = self.start()
        costs[f"{name}, ms of CPU"] = self.cpu_seconds() * 1e3


def entries(count):
    server = Server()
    lines = bench_servers.corpus(CORPUS_LINE_COUNT)
    server.logs("push", "web", *[lines] * max(1, round(count / CORPUS_LINE_COUNT)), "--quiet")
    costs = {"resident after the appends, MB": server.resident_megabytes()}
    read = server.bench("read", "--stream", "web", "--decode", "batches")
    costs["read of all, ns of CPU an entry"] = read["server"]["cpu_seconds_per_million"] * 1e3
    costs["read of all, ns an entry"] = 1e9 / read["entries_per_second"]
    costs["resident after the reads, MB"] = server.resident_megabytes()
    last = ["follow", "web", "-n", "1000", "--until-head", "-o", "raw"]
    costs["read of the last 1,000, ms"] = server.milliseconds(*last)
    costs["stop, ms"] = server.stop()
    server.measure_start("start", costs)
    cpu = server.cpu_seconds()
    server.logs("push", "more", *[lines] * 10, "--quiet")
    costs["append, ns of CPU an entry"] = (server.cpu_seconds() - cpu) / (CORPUS_LINE_COUNT * 10) * 1e9
    server.end()
    return count, costs


def streams(count):
    number = str(round(count))
    server = Server("--streams", number, "--new-streams", "none")
    appended = server.bench("append", "--streams", number, "--batch", "1", "--entries", str(SMALL_APPEND_COUNT))
    making = (server.cpu_seconds() - appended["server"]["cpu_seconds"]) / max(count, SMALL_APPEND_COUNT / 10 + 1)
    costs = {
        "append to one after the other, us of CPU": appended["server"]["cpu_seconds_per_million"],
        "the appends before, which make them, us of CPU": making * 1e6,
        "resident after the appends, MB": server.resident_megabytes(),
        "stop, ms": server.stop(),
    }
    server.measure_start("start", costs)
    costs["resident after the start, MB"] = server.resident_megabytes()
    costs["logs streams, ms"] = server.milliseconds("streams")
    cpu = server.cpu_seconds()
    costs["follow of all, from the last entry of each, ms"] = server.milliseconds(
        "follow", "**", "-n", "1", "--until-head", "-o", "raw")
    costs["the same, ms of CPU"] = (server.cpu_seconds() - cpu) / bench_servers.REPEAT_COUNT * 1e3
    server.end()
    return count, costs


def followers(count):
    def tail(*words):
        server = Server()
        result = server.bench("tail", "--followers", str(round(count)), *words)
        server.end()
        return result

    busy = tail("--rate", "10000", "--batch", "100", "--seconds", "3")
    # They get two entries each.
    idle = tail("--rate", "1", "--seconds", "1")
    return count, {
        "a delivered entry, ns of CPU": busy["server"]["cpu_seconds"] / busy["deliveries"]["made"] * 1e9,
        "all of them, s of CPU in 3 s": busy["server"]["cpu_seconds"],
        "from handed over to received, p50, ms": busy["latency_ms"]["p50"],
        "p99, ms": busy["latency_ms"]["p99"],
        "resident, MB": busy["server"]["resident_bytes"] / 1e6,
        "resident while nothing comes, MB": idle["server"]["resident_bytes"] / 1e6,
    }


def size(gigabytes):
    lines = f"{bench_servers.work}/random"
    with open(lines, "w") as file:
        # Random, so that little has to be sent to fill the disk.
        for _ in range(CORPUS_LINE_COUNT):
            file.write(os.urandom(64).hex() + "\n")
    server = Server()

    def fill(count):
        server.bench("append", "--corpus", lines, "--producers", "2", "--batch", "150", "--entries", str(count))

    fill(round(gigabytes * 1e9 / RANDOM_LINE_BYTE_COUNT))
    stored = server.status("stored_bytes") / 1e9
    costs = {"segments": server.status("segments"), "stop after the appends, ms": server.stop()}
    server.measure_start("start", costs)
    costs["stop when idle, ms"] = server.stop()
    server.forget_files()
    server.measure_start("cold start", costs)
    fill(CORPUS_LINE_COUNT)
    server.kill()
    server.measure_start("start after kill -9", costs)
    server.kill()
    server.forget_files()
    server.measure_start("cold start after kill -9", costs)
    costs["stop while all is being checked, ms"] = server.stop()
    server.end()
    return stored, costs


def rows(count):
    server = Server()
    server.bench("append", "--streams", "64", "--batch", "1", "--entries", str(round(count)))
    costs = {"stop after the appends, ms": server.stop()}
    server.measure_start("start", costs)
    server.kill()
    server.measure_start("start after kill -9", costs)
    server.stop()
    server.forget_files()
    server.measure_start("cold start", costs)
    server.end()
    return count, costs


def exponent(points):
    points = [(math.log(size), math.log(cost)) for size, cost in points if cost > 0]
    if len(points) < 2:
        return "-"
    return f"{statistics.linear_regression(*zip(*points)).slope:.2f}"


def show(title, measured):
    lines = [[title, *(shown(size) for size, _ in measured), "exponent"]]
    for name in measured[0][1]:
        points = [(size, costs[name]) for size, costs in measured]
        lines.append([name, *(shown(cost) for _, cost in points), exponent(points)])
    bench_servers.print_table(lines, 1)


DIMENSIONS = {
    "entries": (entries, "stored entries", "ENTRIES", "1e5 1e6 1e7"),
    "streams": (streams, "streams", "STREAMS", "1 100 10000 100000"),
    "followers": (followers, "followers", "FOLLOWERS", "1 10 100 1000"),
    "size": (size, "stored GB", "GIGABYTES", "0.1 1"),
    "rows": (rows, "commits of one entry", "ROWS", "1e4 1e5 1e6"),
}


def main():
    names = sys.argv[1:] or list(DIMENSIONS)
    if not set(names) <= set(DIMENSIONS):
        bench_servers.fail(f"the dimensions are {', '.join(DIMENSIONS)}")
    for name in names:
        measure, title, variable, default = DIMENSIONS[name]
        measured = []
        for word in (os.environ.get(variable) or default).split():
            print(f"{title}: {shown(float(word))}", file=sys.stderr, flush=True)
            measured.append(measure(float(word)))
        show(title, measured)


bench_servers.run(main)
