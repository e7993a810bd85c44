#!/usr/bin/python3
"""usage: compare-filters.py [--server URL] [--seed N] [--count N] [--lines N] DIRECTORY

Compares what a server lets through filters with what the reference evaluator says, for N filters from a seed. The
entries are lines of the log files in DIRECTORY, pushed by `logs push` as they are and, in a stream beside it, with
`--format auto`, and entries made up from the seed. `logs follow --filter` reads them; the reference reads all of them
once without a filter, by its own client, so that no byte is lost on the way.

Prints the first differences, with the filter, the entry and both answers, and exits with 1 if there are any. Without
--server it starts a logsd of its own. LOGS_BINARIES names the directory of both programs, .build/release without it."""
import argparse
import json
import os
import random
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, f"{ROOT}/spec/reference")

import bench_servers
from client import Connection, Failed, follow
from decoder import quote, show_value
from encoder import batch, column, delta, keys, lengths, value
from filter import evaluate
from generate_filters import Generator, make_entries

bench_servers.BINARIES = os.environ.get("LOGS_BINARIES", bench_servers.BINARIES)
MADE_COUNT, MADE_BATCH, DIFFERENCES_MAX = 1000, 50, 5


def append(connection, stream, entries):
    """Appends entries of every kind that there is, which no format of `logs push` can do."""
    producer = os.urandom(16)
    for number, begin in enumerate(range(0, len(entries), MADE_BATCH), 1):
        part = entries[begin:begin + MADE_BATCH]
        times, severities = [e["time"] for e in part], [e["severity"] for e in part]
        columns = (column(1, 4, delta(times), "time") + column(2, 1, bytes(severities), "severity")
                   + column(3, 5, lengths([e["source"] for e in part]), "source")
                   + column(4, 5, lengths([e["message"] for e in part]), "message")
                   + column(5, 5, lengths([keys([key for key, _ in e["attributes"]]) for e in part]), "keys")
                   + column(6, 5, lengths([b"".join(value(v) for _, v in e["attributes"]) for e in part]), "values")
                   + column(7, 1, bytes(e["kind"] for e in part), "kind"))
        pieces = batch(len(part), columns, codec=1, times=times, severities=severities)
        connection.send("APPEND", number, pieces, producer=producer, number=number, floor=number, stream=stream)
        while not any(message["type"] == "ACK" for message in connection.receive()[0]):
            pass


def push(server, prefix, directory, line_count):
    """Pushes the first lines of each log file, twice."""
    for name in sorted(os.listdir(directory)):
        if not name.endswith(".log"):
            continue
        with open(f"{directory}/{name}", "rb") as file:
            lines = b"".join(file.readlines()[:line_count])
        for kind, flags in (("raw", []), ("auto", ["--format", "auto", "--input-zone", "utc"])):
            stream = f"{prefix}/{kind}/{name[:-4]}"
            subprocess.run(
                [f"{bench_servers.BINARIES}/logs", "push", stream, "--quiet", "--server", server, *flags], input=lines,
                check=True)


def read(server, pattern):
    """All entries of the streams: {(stream, sequence number): entry}."""
    found = {}

    def take(one, stream, entries):
        for entry in entries:
            found[stream, entry["sequence"]] = {**entry, "received": one["received"]}

    follow(Connection(server), pattern.encode(), 0, True, take)
    return found


def shown(text, pattern, server):
    """What `logs follow` shows with a filter, as read() names entries, and None; or None and why it refuses it."""
    finished = subprocess.run(
        [f"{bench_servers.BINARIES}/logs", "follow", pattern, "--until-head", f"--filter={text}", "-o", "json",
         "--server", server], capture_output=True)
    if finished.returncode != 0:
        return None, finished.stderr.decode(errors="replace").strip()
    entries = map(json.loads, finished.stdout.splitlines())
    return {(entry["stream"].encode(), entry["seq"]) for entry in entries}, None


def describe(key, entry):
    lines = [f"{key[0].decode()} {key[1]}: {quote(entry['message'])}"]
    for name in ("time", "received", "severity", "kind"):
        lines.append(f"  {name} {entry[name]}")
    lines.append(f"  source {quote(entry['source'])}")
    lines += [f"  {quote(name)} = {show_value(each)}" for name, each in entry["attributes"]]
    return "\n    ".join(lines)


def difference(text, tree, entries, found, refusal):
    """In words, how the answers differ; None if they do not."""
    if tree is None or found is None:
        if tree is None and found is None:
            return None
        return f"the reference {'refuses' if tree is None else 'takes'} it, the server {refusal or 'takes it'}"
    expected = {key for key, entry in entries.items() if evaluate(tree, entry, key[0])}
    if expected == found:
        return None
    key = min(expected ^ found)
    is_expected = key in expected
    if key not in entries:
        return f"the server shows {key}, which is not there"
    answer = "lets through" if is_expected else "holds back"
    return (f"{len(expected - found)} entries are missing, {len(found - expected)} too many; the first one the "
            f"reference {answer}, the server does not:\n    {describe(key, entries[key])}")


def compare(server, given):
    chance = random.Random(given.seed)
    # A run of its own, so that a server can be used again; its name is no part of what the seed decides.
    prefix = f"compare/{os.urandom(4).hex()}"
    push(server, prefix, given.directory, given.lines)
    append(Connection(server), f"{prefix}/made/up".encode(), make_entries(chance, MADE_COUNT))
    entries = read(server, f"{prefix}/**")
    generator = Generator(chance, [(entry, key[0]) for key, entry in sorted(entries.items())])
    begun, differences, refused, shown_count = time.monotonic(), 0, 0, 0
    for number in range(given.count):
        text, tree = generator.filter()
        found, refusal = shown(text, f"{prefix}/**", server)
        if problem := difference(text, tree, entries, found, refusal):
            differences += 1
            print(f"filter {number}: {text!r}\n    {problem}", flush=True)
            if differences == DIFFERENCES_MAX:
                break
        refused, shown_count = refused + (tree is None), shown_count + len(found or ())
    print(f"{number + 1} filters of seed {given.seed} over {len(entries)} entries, {refused} refused, {shown_count} "
          f"entries shown, {differences} differences, {time.monotonic() - begun:.0f} s")
    return differences


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", metavar="DIRECTORY")
    parser.add_argument("--server", metavar="URL")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--lines", type=int, default=200, help="of each file")
    given = parser.parse_args()

    def work():
        try:
            sys.exit(1 if compare(given.server or bench_servers.Logsd().url, given) else 0)
        except Failed as problem:
            bench_servers.fail(problem)

    bench_servers.run(work)


if __name__ == "__main__":
    main()
