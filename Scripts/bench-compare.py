#!/usr/bin/python3
"""usage: [ROUNDS=3] [ENTRIES=1000000] [SECONDS=5] [CORPUS=FILE] bench-compare.py [WORKLOAD...]

Does the same work with logsd and with Redis streams, in B11 with rg, in turn, and prints medians, spreads and ratios. A
ratio above 1: logsd is ahead, it does more in the same time or takes less. WORKLOAD picks some: B1, B2, B3, B4, B5, B6,
B7, B8, B10, B11, B12.

In B3 and B4 the client of logsd is the SDK, as in all others. Their rows "client in C" are a second run, of a client
that is as plain as that of Redis, and is compared with the same run of Redis: so that server and SDK are told apart.

Redis gets one XADD for each entry, with time, level, source and message as fields, and an fsync before each
acknowledgement (appendfsync always), as logsd has. Its followers wait with XREAD BLOCK, each on a connection of its own.
B12 starts it with its log of all commands, where what was acknowledged is, and counts until it answers PING with PONG;
logsd until its line `ready`.

B11 counts what passes filters. For logsd the lines are entries of one stream, in a segment that is sealed and has its
index; `logs bench search` waits for its answers over one connection. For rg (ripgrep), which has neither a server nor an
index, they are one file of the same lines, in the page cache; it is a new process each time, whose start counts. In a
round each filter has 7 searches of logsd, then 7 of rg, and the medians are its numbers. rg knows no levels: it looks
for lines with warn or error instead. Below the table is how many lines each found in the last round.

CORPUS is a file as `logs bench corpus` writes it, or of raw lines, which have no levels; the built-in lines without one,
to one of which B11 adds what it looks for. ENTRIES are those of B1, B2, B8, B10, B11 and B12, SECONDS how long B3 to B7
run. Each run has a server with no data, in $TMPDIR, or else /var/tmp; nothing is left of it. LOGS_BINARIES names the
directory of logs and logsd, .build/release without it.
"""

import json
import os
import re
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
SEARCH_COUNT = 7
# The age at which a segment may be sealed. It should last until all is appended, so that there is one.
SEALING_SECONDS = 10
NEEDLE = "blk_-7777123456789012345"
# What B11 looks for: a filter, and what is nearest to it for rg.
SEARCHES = {
    "needle": (f'"{NEEDLE}"', ["-F", NEEDLE]),
    "common word": ("=error", ["-i", "-w", "error"]),
    "substring, any case": ("connect", ["-i", "-F", "connect"]),
    "regular expression": (r"/took \d{4,}ms/", [r"took \d{4,}ms"]),
    "level": ("level>=warn", ["-i", "-e", "warn", "-e", "error"]),
}


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

    def plain_ack(self, words, run):
        return run


class Logsd(bench_servers.Logsd):
    def plain_ack(self, words, run):
        """What a client in C gets that does as `logs bench ack`."""
        port = self.url.rsplit(":", 1)[1]
        return json.loads(bench_servers.output_of(f"{bench_servers.work}/wire-ack", port, *words))


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
MORE_IS_BETTER = {"entries/s", "acks/s", "acks/s, client in C", "deliveries/s", "delivered, %"}

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


def acks(connections):
    def measure(system):
        server = system()
        words = with_corpus("--seconds", SECONDS, "--connections", connections)
        run = server.bench("ack", *words)
        plain = server.plain_ack(words, run)
        server.end()
        costs = {name: NUMBERS[name](run) for name in ACKS}
        return costs | {f"{name}, client in C": NUMBERS[name](plain) for name in ACKS}

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


def lines_to_search():
    """Two files of the same lines: for logs, and without times, levels and sources for rg."""
    entries, raw = f"{bench_servers.work}/searched-entries", f"{bench_servers.work}/searched-lines"
    if os.path.exists(raw):
        return entries, raw
    given = os.environ.get("CORPUS")
    with open(given or bench_servers.corpus(CORPUS_LINE_COUNT), "rb") as file:
        lines = file.read().split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    is_table = re.match(rb"[0-9]+\t[A-Za-z]+\t[^\t]*\t", lines[0])
    lines = (lines * (ENTRIES // len(lines) + 1))[:ENTRIES]
    if not given:
        lines[ENTRIES // 2] += f" {NEEDLE}".encode()
    with open(entries, "wb") as file:
        file.writelines(line + b"\n" for line in lines)
    with open(raw, "wb") as file:
        file.writelines((line.split(b"\t", 3)[3] if is_table else line) + b"\n" for line in lines)
    return entries, raw


def search():
    """What each search costs logsd and rg, and in words how many lines they find."""
    entries, raw = lines_to_search()
    server = Logsd("--segment-age", f"{SEALING_SECONDS}s", "--segment-bytes", "1G")
    server.bench("search", "--entries", str(ENTRIES), "--corpus", entries, "--filter", SEARCHES["needle"][0])
    stream = json.loads(server.logs("streams", "-o", "json")[0].splitlines()[0])["name"]
    # The next append begins a segment.
    time.sleep(SEALING_SECONDS)
    server.bench("append", "--entries", "1", "--batch", "1")
    # The new segment counts once it is there.
    while not 0 < server.status("sealed_segments") == server.status("segments") - 1:
        time.sleep(0.1)
    costs, notes = {"logsd": {}, "rg": {}}, []
    for name, (text, words) in SEARCHES.items():
        found = server.bench("search", "--stream", stream, "--filter", text, repeat=SEARCH_COUNT)
        command = ["rg", "--no-config", "--count", "--include-zero", *words, raw]
        counted, seconds = "", []
        for _ in range(SEARCH_COUNT + 1):
            begun = time.perf_counter()
            counted = subprocess.run(command, stdout=subprocess.PIPE, text=True).stdout.strip()
            seconds.append(time.perf_counter() - begun)
        # The first one, as the first one of logs bench, is to warm up.
        costs["logsd"][f"{name}, ms"] = found["latency_ms"]["p50"]
        costs["rg"][f"{name}, ms"] = statistics.median(seconds[1:]) * 1e3
        notes.append(f"{name} {found['settings']['found']} and {counted}")
    server.end()
    return costs, f"found by logsd and by rg: {'; '.join(notes)}"


WORKLOADS = {
    "B1": ("append, 1,000 a batch", run_of(BULK, "append", "--entries", str(ENTRIES), "--batch", "1000")),
    "B2": (
        "append, 4 producers", run_of(BULK, "append", "--entries", str(ENTRIES), "--batch", "1000", "--producers", "4")),
    "B3": ("one entry a request, 1 connection", acks("1")),
    "B4": ("one entry a request, 64 connections", acks("64")),
    "B5": ("live tail at 1,000 a second", run_of(["p50, ms", "p99, ms"], "tail", "--seconds", SECONDS, "--rate", "1000")),
    "B6": ("10,000 a second to 100 followers", fan_out("100")),
    "B7": ("10,000 a second to 1,000 followers", fan_out("1000")),
    "B8": ("read all, decoded", run_of(BULK, "read", "--entries", str(ENTRIES))),
    "B10": ("resident memory", memory),
    "B11": ("count what passes a filter", search),
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
    if any(WORKLOADS[name][1] != search for name in names):
        for program in ("redis-bench", "wire-ack"):
            source, made = f"{bench_servers.ROOT}/Benchmarks/load/{program}.c", f"{bench_servers.work}/{program}"
            bench_servers.output_of("clang", "-O2", "-Wall", "-Wextra", "-Werror", "-o", made, source, "-lxxhash")
    # workload -> number -> system -> values
    measured, notes = {}, {}

    def add(name, system, costs):
        for label, value in costs.items():
            measured.setdefault(name, {}).setdefault(label, {}).setdefault(system, []).append(value)

    for number in range(1, ROUNDS + 1):
        for name in names:
            title, measure = WORKLOADS[name]
            if measure == search:
                print(f"round {number} of {ROUNDS}: {name}, {title}, logsd and rg", file=sys.stderr, flush=True)
                costs, notes[name] = search()
                for system in costs:
                    add(name, system, costs[system])
                continue
            for system in (Logsd, Redis):
                print(f"round {number} of {ROUNDS}: {name}, {title}, {system.name}", file=sys.stderr, flush=True)
                add(name, system.name, measure(system))
    print(f"\nmedians of {ROUNDS} rounds; a ratio above 1: logsd is ahead")
    for other in ("Redis", "rg"):
        rows = [["", "workload", "number", "logsd", "from - to", other, "from - to", "ratio"]]
        for name, numbers in measured.items():
            heading = [name, WORKLOADS[name][0]]
            for label, values in numbers.items():
                if other in values:
                    rows.append([*heading, label, *compared(label, values["logsd"], values[other])])
                    heading = ["", ""]
        if len(rows) > 1:
            print()
            bench_servers.print_table(rows, 3)
    for name, note in notes.items():
        print(f"\n{name}: {note}")


bench_servers.run(main)
