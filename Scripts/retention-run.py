#!/usr/bin/python3
"""usage: retention-run.py [--gigabytes N] [--cap BYTES] [--stream-cap BYTES] [--lines N]

Appends lines to a server with --retention-size, far beyond the cap, and reports whether it holds what it promises:

- the bytes of its directory, looked at all the time, never exceed the cap;
- appends after trimming began are as fast as before, by medians of runs of --lines entries each;
- its memory does not grow;
- a follower that had read a part of the first stream and was away since is told of every entry that it missed.

The lines are those that `logs bench corpus` writes, with their digits replaced by others in every run, so that numbers,
addresses and ids vary. Prints a table, and exits with 1 if a promise does not hold.

  --gigabytes N   of message bytes in all (10)
  --cap BYTES     of --retention-size, as logsd takes it (500M)
  --stream-cap N  a rule for single streams, too, for which segments are rewritten (none)
  --lines N       entries of a run (1000000)

LOGS_BINARIES names the directory of both programs, .build/release without it."""
import argparse
import json
import os
import random
import statistics
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, f"{ROOT}/spec/reference")

import bench_servers
from client import CREDIT, Connection, Failed

PATTERN = b"bench/**"
LOOK_SECONDS = 0.01
SPEED_SHARE_MIN = 0.8
TRIMMED = 2
UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


class Watch(threading.Thread):
    """Looks at the size of a directory all the time."""

    def __init__(self, directory):
        super().__init__(daemon=True)
        self.directory, self.largest, self.is_over = directory, 0, threading.Event()
        self.start()

    def run(self):
        while not self.is_over.wait(LOOK_SECONDS):
            self.largest = max(self.largest, self.size())

    def size(self):
        total = 0
        for folder, _, names in os.walk(self.directory):
            for name in names:
                try:
                    total += os.lstat(f"{folder}/{name}").st_blocks * 512
                except FileNotFoundError:
                    continue
        return total

    def end(self):
        self.is_over.set()
        self.join()


def varied(source, path, chance):
    """The lines of `source` with other digits, in `path`."""
    digits = list(b"0123456789")
    chance.shuffle(digits)
    with open(source, "rb") as file, open(path, "wb") as out:
        out.write(file.read().translate(bytes.maketrans(b"0123456789", bytes(digits))))


def read(server, positions, until_count=None):
    """Follows to the heads, or until it has so many entries. {stream: (incarnation, position)}, how many entries came,
    how many were skipped by reason, and how many there are behind the positions."""
    connection = Connection(server.url)
    connection.send("FOLLOW", 1, credit=CREDIT, start=0, followFlags=2, selectors=[(1, PATTERN)],
                    cursors=[(name, *position) for name, position in positions.items()])
    streams, taken, allowed, entry_count, skipped = {}, 0, CREDIT, 0, {}
    while True:
        for message in connection.receive()[0]:
            type, track = message["type"], streams.get(message.get("handle"))
            if type == "STREAM":
                streams[message["handle"]] = {"name": message["stream"], "incarnation": message["incarnation"],
                                              "first": message["position"] + 1, "next": message["position"] + 1,
                                              "head": message["head"]}
            elif type in ("BATCH", "SKIP"):
                if message["from"] != track["next"]:
                    raise Failed(f"gap in {track['name']}: {type} from {message['from']}, expected {track['next']}")
                track["next"] = message["to"] + 1
                count = message["to"] - message["from"] + 1
                if type == "SKIP":
                    skipped[message["reason"]] = skipped.get(message["reason"], 0) + count
                else:
                    entry_count += count
                    taken += len(message["batch"])
                    if taken + CREDIT // 2 > allowed:
                        allowed = taken + CREDIT
                        connection.send("CREDIT", 1, total=allowed)
            is_over = type == "END" or until_count is not None and entry_count >= until_count
            if is_over:
                connection.socket.close()
                places = {track["name"]: (track["incarnation"], track["next"] - 1) for track in streams.values()}
                behind = sum(track["head"] - track["first"] + 1 for track in streams.values())
                return places, entry_count, skipped, behind
            if type == "ERROR":
                raise Failed(f"error {message['code']}: {message['text']}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=10)
    parser.add_argument("--cap", default="500M")
    parser.add_argument("--stream-cap")
    parser.add_argument("--lines", type=int, default=1_000_000)
    given = parser.parse_args()
    cap = int(given.cap[:-1]) * UNITS[given.cap[-1]] if given.cap[-1] in UNITS else int(given.cap)
    chance = random.Random(1)
    source, path = bench_servers.corpus(given.lines), f"{bench_servers.work}/varied"
    rules = ["--retention", f"bench/**: {given.stream_cap}"] if given.stream_cap else []
    server = bench_servers.Logsd("--retention-size", given.cap, "--log-stream", "no", *rules)
    watch = Watch(f"{server.directory}/data")
    before, after, memory, byte_count, positions, entry_count, latencies = [], [], [], 0, None, 0, {True: [], False: []}
    begun = time.monotonic()
    while byte_count < given.gigabytes * 1e9:
        varied(source, path, chance)
        is_trimmed = server.status("trimmed_segments_total") > 0
        run = server.bench("append", "--corpus", path, "--entries", str(given.lines))
        byte_count += run["megabytes_per_second"] * run["seconds"] * 1e6
        entry_count += given.lines
        (after if is_trimmed else before).append(run["entries_per_second"])
        latencies[is_trimmed].append(run["latency_ms"]["p99"])
        memory.append(server.resident_megabytes())
        if positions is None:
            positions, _, _, _ = read(server, {}, until_count=1000)
    took = time.monotonic() - begun
    watch.end()
    places, read_count, skipped, behind = read(server, positions)
    segments, trimmed_bytes = server.status("trimmed_segments_total"), server.status("trimmed_by_size_bytes_total")
    share = statistics.median(after) / statistics.median(before) if before and after else 0
    third = max(1, len(memory) // 3)
    growth = statistics.median(memory[-third:]) / statistics.median(memory[third:2 * third] or memory)
    rows = [("", "measured", "promised"),
            ("GB of messages, entries", f"{byte_count / 1e9:.1f}, {entry_count:,}", ""),
            ("seconds in all", f"{took:.0f}", ""),
            ("largest directory, MB", f"{watch.largest / 1e6:.0f}", f"at most {cap / 1e6:.0f}"),
            ("entries/s before trimming", f"{statistics.median(before):,.0f}" if before else "-", ""),
            ("entries/s while trimming", f"{statistics.median(after):,.0f}" if after else "-", ""),
            ("their ratio", f"{share:.2f}", f"at least {SPEED_SHARE_MIN}"),
            ("p99 of a batch before and while, ms",
             ", ".join(f"{statistics.median(latencies[each]):.1f}" if latencies[each] else "-" for each in (False, True)),
             "at most doubled"),
            ("resident MB, median of the middle and the last third",
             f"{statistics.median(memory[third:2 * third] or memory):.0f}, {statistics.median(memory[-third:]):.0f}", "flat"),
            ("segments trimmed, MB of them", f"{segments}, {trimmed_bytes / 1e6:,.0f}", ""),
            ("entries that a late follower got", f"{read_count:,}", ""),
            ("and was told to be trimmed", f"{skipped.get(TRIMMED, 0):,}", ""),
            ("their sum, and what was behind it", f"{read_count + skipped.get(TRIMMED, 0):,}, {behind:,}", "equal")]
    bench_servers.print_table(rows, 1)
    holds = (watch.largest <= cap and share >= SPEED_SHARE_MIN and growth < 1.1 and set(skipped) <= {TRIMMED}
             and read_count + skipped.get(TRIMMED, 0) == behind)
    sys.exit(0 if holds else 1)


if __name__ == "__main__":
    bench_servers.run(main)
