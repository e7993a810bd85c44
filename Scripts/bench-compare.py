#!/usr/bin/python3
"""usage: [ROUNDS=3] [ENTRIES=1000000] [SECONDS=5] [CORPUS=FILE] bench-compare.py [WORKLOAD...]

Does the same work with logsd and with Redis streams, in turn, and prints medians, spreads and ratios. A ratio above 1: logsd is
ahead, it does more in the same time or takes less. WORKLOAD picks some: B1, B2, B3, B4, B5, B6, B7, B8, B10, B12.

Redis gets one XADD for each entry, with time, level, source and message as fields, and an fsync before each acknowledgement
(appendfsync always), as logsd has. Its followers wait with XREAD BLOCK, each on a connection of its own. B12 starts it with its log
of all commands, where what was acknowledged is, and counts until it answers PING with PONG; logsd until its line `ready`.

CORPUS is a file as `logs bench corpus` writes it; the built-in lines without one. ENTRIES are those of B1, B2, B8, B10 and B12,
SECONDS how long B3 to B7 run. Each run has a server with no data, in $TMPDIR, or else /var/tmp; nothing is left of it.
"""

import os
import socket
import statistics
import subprocess
import sys
import time

import bench_servers
from bench_servers import shown

ROUNDS = int(os.environ.get("ROUNDS") or 3)
ENTRIES = int(os.environ.get("ENTRIES") or 1_000_000)
SECONDS = os.environ.get("SECONDS") or "5"
CORPUS_LINE_COUNT = 200_000
IDLE_FOLLOWER_COUNT = 1000
# How long they have nothing to do before they are measured: Redis halves the buffers of idle clients every few seconds.
IDLE_SECONDS = 40
POLL_SECONDS = 0.001


class Redis(bench_servers.Server):
    name = "Redis"

    def command(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        return [
            "redis-server", "--bind", "127.0.0.1", "--port", str(self.port), "--dir", self.directory, "--logfile", "log",
            "--appendonly", "yes", "--appendfsync", "always", "--save", "",
            # Without rewrites of its log in between: they cost Redis more than they help it here.
            "--auto-aof-rewrite-percentage", "0"]

    def wait_until_ready(self, deadline):
        while time.monotonic() < deadline and self.process.poll() is None:
            if self.answers():
                return True
            time.sleep(POLL_SECONDS)
        return False

    def answers(self):
        """Whether it takes commands; while it reads its log it says that it is loading."""
        try:
            with socket.create_connection(("127.0.0.1", self.port)) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith(b"+PONG")
        except ConnectionError:
            return False

    def bench_command(self, kind, *words):
        return [f"{bench_servers.work}/redis-bench", kind, str(self.port), *words]


def with_corpus(*words):
    return *words, "--corpus", os.environ.get("CORPUS") or bench_servers.corpus(CORPUS_LINE_COUNT)


# What a number of a run is called, and where it stands.
NUMBERS = {
    "entries/s": lambda run: run["entries_per_second"],
    "acks/s": lambda run: run["entries_per_second"],
    "deliveries/s": lambda run: run["entries_per_second"],
    "delivered, %": lambda run: run["deliveries"]["made"] / run["deliveries"]["expected"] * 100,
    "p50, ms": lambda run: run["latency_ms"]["p50"],
    "p99, ms": lambda run: run["latency_ms"]["p99"],
    "server CPU, s per million": lambda run: run["server"]["cpu_seconds_per_million"],
    "server CPU, % of a core": lambda run: run["server"]["cpu_seconds"] / run["seconds"] * 100,
    "resident, MB": lambda run: run["server"]["resident_bytes"] / 1e6,
}
# Of all others less is better.
MORE_IS_BETTER = {"entries/s", "acks/s", "deliveries/s", "delivered, %"}

BULK = ["entries/s", "server CPU, s per million"]
ACKS = ["acks/s", "p50, ms", "p99, ms"]
FAN_OUT = [
    "deliveries/s", "delivered, %", "p50, ms", "p99, ms", "server CPU, % of a core", "server CPU, s per million", "resident, MB"]


def run_of(names, *words):
    def measure(system):
        server = system()
        run = server.bench(*with_corpus(*words))
        server.end()
        return {name: NUMBERS[name](run) for name in names}

    return measure


def fan_out(followers):
    return run_of(FAN_OUT, "tail", "--rate", "10000", "--batch", "100", "--followers", followers, "--seconds", SECONDS)


def append(server, entries):
    server.bench(*with_corpus("append", "--entries", str(entries), "--batch", "1000"))


def memory(system):
    server = system()
    costs = {"empty, MB": server.resident_megabytes()}
    append(server, ENTRIES)
    costs["loaded, MB"] = server.resident_megabytes()
    server.end()
    costs["an idle follower, kB"] = idle_follower_megabytes(system) * 1e3
    return costs


def idle_follower_megabytes(system):
    server = system()
    # Otherwise memory allocated with the very first follower would count for the idle ones.
    server.bench(*with_corpus("tail", "--rate", "1", "--seconds", "1"))
    before = server.resident_megabytes()
    # A batch as soon as all are there, and the next one when this has been measured.
    batch = str(IDLE_SECONDS * 2)
    words = with_corpus(
        "tail", "--followers", str(IDLE_FOLLOWER_COUNT), "--rate", "1", "--batch", batch, "--seconds", str(IDLE_SECONDS * 4))
    followers = bench_servers.spawn(server.bench_command(*words), stdout=subprocess.DEVNULL)
    while server.descriptor_count() <= IDLE_FOLLOWER_COUNT:
        if followers.poll() is not None:
            bench_servers.fail(f"the followers of {server.name} have ended")
        time.sleep(POLL_SECONDS)
    time.sleep(IDLE_SECONDS)
    after = server.resident_megabytes()
    bench_servers.end(followers)
    server.end()
    return (after - before) / IDLE_FOLLOWER_COUNT


def restarts(system):
    server = system()
    append(server, ENTRIES)
    costs = {"stop, ms": server.stop(), "start, ms": server.start()}
    append(server, ENTRIES // 10 + 1)
    server.kill()
    costs["start after kill -9, ms"] = server.start()
    server.end()
    return costs


WORKLOADS = {
    "B1": ("append, 1,000 a batch", run_of(BULK, "append", "--entries", str(ENTRIES), "--batch", "1000")),
    "B2": (
        "append, 4 producers", run_of(BULK, "append", "--entries", str(ENTRIES), "--batch", "1000", "--producers", "4")),
    "B3": ("one entry a request, 1 connection", run_of(ACKS, "ack", "--seconds", SECONDS, "--connections", "1")),
    "B4": ("one entry a request, 64 connections", run_of(ACKS, "ack", "--seconds", SECONDS, "--connections", "64")),
    "B5": ("live tail at 1,000 a second", run_of(["p50, ms", "p99, ms"], "tail", "--seconds", SECONDS, "--rate", "1000")),
    "B6": ("10,000 a second to 100 followers", fan_out("100")),
    "B7": ("10,000 a second to 1,000 followers", fan_out("1000")),
    "B8": ("read all, decoded", run_of(BULK, "read", "--entries", str(ENTRIES))),
    "B10": ("resident memory", memory),
    "B12": ("stop and start, loaded", restarts),
}


def compared(label, ours, theirs):
    cells = []
    for values in (ours, theirs):
        cells += [shown(statistics.median(values)), f"{shown(min(values))} - {shown(max(values))}"]
    more, less = statistics.median(ours), statistics.median(theirs)
    if label not in MORE_IS_BETTER:
        more, less = less, more
    return cells + [f"{more / less:.2f}" if less > 0 else "-"]


def main():
    names = sys.argv[1:] or list(WORKLOADS)
    if not set(names) <= set(WORKLOADS):
        bench_servers.fail(f"the workloads are {', '.join(WORKLOADS)}")
    source = f"{bench_servers.ROOT}/Benchmarks/redis/redis-bench.c"
    bench_servers.output_of("clang", "-O2", "-Wall", "-Wextra", "-Werror", "-o", f"{bench_servers.work}/redis-bench", source)
    measured = {}
    for number in range(1, ROUNDS + 1):
        for name in names:
            title, measure = WORKLOADS[name]
            for system in (bench_servers.Logsd, Redis):
                print(f"round {number} of {ROUNDS}: {name}, {title}, {system.name}", file=sys.stderr, flush=True)
                for label, value in measure(system).items():
                    measured.setdefault(name, {}).setdefault(label, {}).setdefault(system.name, []).append(value)
    rows = [["", "workload", "number", "logsd", "from - to", "Redis", "from - to", "ratio"]]
    for name, numbers in measured.items():
        heading = [name, WORKLOADS[name][0]]
        for label, values in numbers.items():
            rows.append([*heading, label, *compared(label, values["logsd"], values["Redis"])])
            heading = ["", ""]
    print(f"\nmedians of {ROUNDS} rounds; a ratio above 1: logsd is ahead\n")
    bench_servers.print_table(rows, 3)


bench_servers.run(main)
