#!/usr/bin/python3
"""usage: compare-filters.py [--seed N] [--count N] [--lines N] [--phases WORD,...] [--processes N] DIRECTORY

Compares what servers let through filters with what the reference evaluator says, for filters made from a seed, asked in
every way that there is. The entries are lines of the log files in DIRECTORY, pushed by `logs push` as they are and, in
a stream beside it, with `--format auto`, and entries made up from the seed. The reference reads all of them once
without a filter, by its own client, so that no byte is lost on the way.

  --seed N       what everything random comes from (1)
  --count N      how many filters (500)
  --lines N      how many lines of each file (200)
  --phases ...   some of the phases below (all)
  --processes N  how many `logs follow` run at a time (50)

The phases; each asks for every filter:

  unsealed   all entries are in the one segment that is written to: no index
  sealed     the same server with all of them in a sealed segment, with its index; the `logs` commands as well
  restarted  the same after a stop and a start
  rolled     another server, with segments that began in the middle of the entries, the newest not sealed
  near       as many texts as 20 times --count, each a slip of the pen or a habit from another language away from a filter:
             whether they are refused, at which column, or what they count in a stream of their own
  live       follows that are open while a third of the entries come; then the server is stopped or killed in the middle,
             the follows resume with their cursors, and the rest comes, with a new segment in the middle
  processes  the same for `logs follow --filter`, which reconnects by itself, until its streams are complete

The ways in the first four: forward (until the heads), pages (the same by limits and cursors), last (the last few of each
stream), reverse (all, and the last few), count, histogram; by the reference client, which checks that nothing is left
out without being named, comes twice, or is not what was appended. For `sealed` also `logs follow --until-head`, `logs
query` and `logs query -r`, with the order of entries, and `logs query --count`.

Prints the seed, the first differences, with the filter, the entry and both answers, and how much was compared. Exits
with 1 if there is any difference. LOGS_BINARIES names the directory of both programs, .build/release without it."""
import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, f"{ROOT}/spec/reference")

import bench_servers
from client import Connection, Failed, follow
from encoder import batch, column, delta, keys, lengths, value
from filter import evaluate
from filter_grammar import BadFilter
from filter_reference import Reference, Report, last_of, merged, spans
from filter_requests import Count, Follow, Histogram, Last, Live, Pages, Reverse, pump, run
from generate_filters import Generator, make_entries

MADE_COUNT, BATCH_MAX = 1000, 100
BAD_EXPRESSION = "the regular expression is wrong"
NEAR_STREAM, NEAR_ENTRY_COUNT, NEAR_FILTER_FACTOR = "near/made", 60, 20
SEGMENT_SECONDS = 1
WAIT_SECONDS_MAX = 120
PREFIX = "compare"
PATTERN = f"{PREFIX}/**"
WIDTHS = (10**6, 10**9, 3600 * 10**9, 7 * 86400 * 10**9)
ROLLING = ("--segment-age", f"{SEGMENT_SECONDS}s")


class Server(bench_servers.Logsd):
    """At an address that it keeps over a restart."""

    def command(self):
        return [f"{bench_servers.BINARIES}/logsd", "--data", f"{self.directory}/data", "--listen", "none",
                "--listen-unix", f"{self.directory}/socket"]

    def restart(self, *flags, number=signal.SIGTERM):
        self.stop(number)
        self.flags = flags
        self.start()

    def connect(self):
        return Connection(self.url, takes_refusals=True)

    def roll(self):
        """Waits until the next append begins a segment."""
        time.sleep(SEGMENT_SECONDS + 0.1)

    def wait_until_sealed(self, number):
        def is_sealed():
            with open(f"{self.directory}/log") as log:
                return re.search(rf"segment {number} is sealed", log.read())
        wait(is_sealed, f"segment {number} was not sealed")


def wait(is_done, problem):
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while not is_done():
        if time.monotonic() > deadline:
            raise Failed(problem)
        time.sleep(0.01)


# Entries

def append(connection, stream, entries, chance):
    """Appends entries of every kind that there is, which no format of `logs push` can do."""
    producer, number, left = os.urandom(16), 0, list(entries)
    while left:
        size, number = chance.randint(1, BATCH_MAX), number + 1
        part, left = left[:size], left[size:]
        times, severities = [e["time"] for e in part], [e["severity"] for e in part]
        columns = (column(1, 4, delta(times), "time") + column(2, 1, bytes(severities), "severity")
                   + column(3, 5, lengths([e["source"] for e in part]), "source")
                   + column(4, 5, lengths([e["message"] for e in part]), "message")
                   + column(5, 5, lengths([keys([key for key, _ in e["attributes"]]) for e in part]), "keys")
                   + column(6, 5, lengths([b"".join(value(v) for _, v in e["attributes"]) for e in part]), "values")
                   + column(7, 1, bytes(e["kind"] for e in part), "kind"))
        pieces = batch(len(part), columns, codec=chance.randrange(2), times=times, severities=severities)
        connection.send("APPEND", number, pieces, producer=producer, number=number, floor=number, stream=stream)
        while not any(message["type"] == "ACK" for message in connection.receive()[0]):
            pass


def push(server, directory, line_count):
    """Pushes the first lines of each log file, twice."""
    for name in sorted(os.listdir(directory)):
        if not name.endswith(".log"):
            continue
        with open(f"{directory}/{name}", "rb") as file:
            lines = b"".join(file.readlines()[:line_count])
        for kind, flags in (("raw", []), ("auto", ["--format", "auto", "--input-zone", "utc"])):
            stream = f"{PREFIX}/{kind}/{name[:-4]}"
            subprocess.run(
                [f"{bench_servers.BINARIES}/logs", "push", stream, "--quiet", "--server", server.url, *flags],
                input=lines, check=True)


def read(server, pattern=PATTERN):
    """All entries of the streams: {(stream, sequence number): entry}."""
    found = {}

    def take(one, stream, entries):
        for entry in entries:
            found[stream, entry["sequence"]] = {**entry, "received": one["received"]}

    follow(Connection(server.url), pattern.encode(), 0, True, take)
    return found


# Phases

def ask(phase, server, reference, report, chance):
    """Each filter in each way of the reference client."""
    entries = read(server)
    expected, known = reference.expected(entries), reference.known
    texts = [text for text, _ in reference.filters]
    counts = [chance.choice((1, 2, 5, 50)) for _ in texts]
    widths = [chance.choice(WIDTHS) for _ in texts]
    limits = [max(1, len(passing or ()) // chance.choice((1, 2, 3)) + chance.randint(-1, 1)) for passing in expected]
    few = [None if passing is None else last_of(passing, count) for passing, count in zip(expected, counts)]
    ways = {
        "forward": ([Follow(text, PATTERN, known) for text in texts], expected),
        "pages": ([Pages(text, PATTERN, known, limit) for text, limit in zip(texts, limits)], expected),
        "last": ([Last(text, PATTERN, known, count) for text, count in zip(texts, counts)], few),
        "reverse": ([Reverse(text, PATTERN, known) for text in texts], expected),
        "reverse, last": ([Reverse(text, PATTERN, known, count) for text, count in zip(texts, counts)], few),
    }
    for way, (requests, wanted) in ways.items():
        begun = time.monotonic()
        run(server.connect(), requests)
        report_follows(phase, way, requests, wanted, entries, report, begun)
    for way, requests, wanted in (
            ("count", [Count(text, PATTERN) for text in texts],
             [passing if passing is None else len(passing) for passing in expected]),
            ("histogram", [Histogram(text, PATTERN, width) for text, width in zip(texts, widths)],
             [passing if passing is None else spans(passing, entries, width)
              for passing, width in zip(expected, widths)])):
        begun = time.monotonic()
        run(server.connect(), requests)
        for number, (request, each) in enumerate(zip(requests, wanted)):
            report.compare_values(phase, way, number, request.found, each, request.refusal, request.problem)
        report.add(phase, way, len(requests), sum(map(len, filter(None, expected))), begun)


def report_follows(phase, way, requests, wanted, entries, report, begun):
    for number, (request, each) in enumerate(zip(requests, wanted)):
        found, problem = request.found.keys(), request.problem
        late = [key for key in found & entries.keys() if entries[key]["received"] != request.found[key]]
        if late and not problem:
            problem = f"{late[0]} was received at {entries[late[0]]['received']}, not {request.found[late[0]]}"
        report.compare_sets(phase, way, number, entries, set(found), each, request.refusal, problem)
    report.add(phase, way, len(requests), sum(len(request.found) for request in requests), begun)


def seal(server):
    """Seals all that is stored, by an entry of another stream, which is the first of the next segment."""
    entry = {"time": 0, "severity": 0, "source": b"", "message": b"", "kind": 0, "attributes": []}
    server.restart(*ROLLING)
    server.roll()
    append(server.connect(), b"elsewhere", [entry], random.Random(0))
    server.wait_until_sealed(1)


def fill(server, reference, chance, index, count):
    """Appends one of `count` parts of the entries; returns what is then the head of each stream."""
    connection, part = server.connect(), reference.part(index, count)
    for stream in chance.sample(sorted(part), len(part)):
        append(connection, stream, part[stream], chance)
    return {stream: entries[-1]["sequence"] for stream, entries in part.items() if entries}


def near(server, report, chance, count):
    begun = time.monotonic()
    append(server.connect(), NEAR_STREAM.encode(), make_entries(chance, NEAR_ENTRY_COUNT), chance)
    entries = read(server, NEAR_STREAM)
    generator = Generator(chance, [(entry, key[0]) for key, entry in sorted(entries.items())])
    filters = [generator.near() for _ in range(count)]
    requests = [Count(text, NEAR_STREAM) for text, _ in filters]
    run(server.connect(), requests)
    skipped_count = 0
    for request, (text, tree) in zip(requests, filters):
        # Which expressions are wrong, and where, is for the engine to say.
        if BAD_EXPRESSION in (request.refusal or "") or isinstance(tree, BadFilter) and "does not compile" in tree.reason:
            skipped_count += 1
            continue
        if isinstance(tree, BadFilter):
            wanted = f"refused at column {tree.column}"
        else:
            wanted = sum(evaluate(tree, entry, key[0]) for key, entry in entries.items())
        found = request.found
        if request.refusal:
            column = re.search(r"column (\d+)", request.refusal)
            found = f"refused at column {column[1]}" if column else request.refusal
        if found != wanted or request.problem:
            report.differs("near", "count", text, request.problem or f"the server says {found}, the reference {wanted}: "
                           f"{request.refusal or tree}")
    refused_count = sum(isinstance(tree, BadFilter) for _, tree in filters)
    print(f"near: {count} texts, {refused_count} refused, {skipped_count} for their regular expressions", flush=True)
    report.add("near", "count", count, sum(request.found or 0 for request in requests), begun)


def rolled(reference, report, chance):
    server = Server(*ROLLING)
    for index in range(3):
        server.roll()
        fill(server, reference, chance, index, 3)
    # Of the others some are sealed by then, too; the last one is not.
    server.wait_until_sealed(1)
    ask("rolled", server, reference, report, chance)
    server.end()


def live(reference, report, chance):
    """All filters at once, on one connection."""
    begun = time.monotonic()
    server = Server()
    fill(server, reference, chance, 0, 4)
    requests = [Live(text, PATTERN, reference.known) for text, _ in reference.filters]
    connection, open = server.connect(), dict(enumerate(requests, 1))
    for id, request in open.items():
        request.begin(connection, id)
    fill(server, reference, chance, 1, 4)
    # Some are live by then, others behind.
    while sum(request.is_live for request in open.values()) < len(open) / 2:
        pump(connection, open)
    number = chance.choice((signal.SIGTERM, signal.SIGKILL))
    server.process.send_signal(number)
    try:
        while not connection.is_leaving:
            pump(connection, open)
    except (Failed, OSError) as problem:
        if number == signal.SIGTERM:
            raise Failed(f"the server did not say that it leaves: {problem}") from problem
    connection.socket.close()
    server.restart(*ROLLING)
    connection = server.connect()
    for id, request in open.items():
        request.begin(connection, id)
    fill(server, reference, chance, 2, 4)
    server.roll()
    fill(server, reference, chance, 3, 4)
    entries = read(server)
    heads = {}
    for stream, sequence in entries:
        heads[stream] = max(sequence, heads.get(stream, 0))
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    for id, request in list(open.items()):
        request.heads = heads
        request.look()
        if request.is_over:
            del open[id]
    while open and time.monotonic() < deadline:
        pump(connection, open)
    for request in open.values():
        request.problem = f"it has not come to the heads: {request.positions}"
    report_follows("live", "follow", requests, reference.expected(entries), entries, report, begun)
    server.end()


def processes(reference, report, chance, at_a_time):
    begun, shown_count, follow_count = time.monotonic(), 0, 0
    numbers = [number for number, (_, tree) in enumerate(reference.filters) if tree is not None]
    for first in range(0, len(numbers), at_a_time):
        shown_count += some_processes(reference, report, chance, numbers[first:first + at_a_time])
    report.add("processes", "logs follow", len(numbers), shown_count, begun)


def some_processes(reference, report, chance, numbers):
    server = Server()
    streams = sorted(stream.decode() for stream in reference.part(0, 1))
    fill(server, reference, chance, 0, 4)
    running, paths = {}, {}
    for number in numbers:
        paths[number] = f"{server.directory}/follow-{number}"
        with open(paths[number], "wb") as out, open(f"{paths[number]}.errors", "wb") as errors:
            running[number] = bench_servers.spawn(
                [f"{bench_servers.BINARIES}/logs", "follow", *streams, "-n", "all", "-o", "json", "--server", server.url,
                 f"--filter={reference.filters[number][0]}"], stdout=out, stderr=errors)
    fill(server, reference, chance, 1, 4)
    wait(lambda: server.status("subscriptions") >= len(numbers), "not all follows have begun")
    server.restart(*ROLLING, number=chance.choice((signal.SIGTERM, signal.SIGKILL)))
    fill(server, reference, chance, 2, 4)
    server.roll()
    fill(server, reference, chance, 3, 4)
    for stream in streams:
        server.logs("complete", stream)
    entries = read(server)
    expected = reference.expected(entries)
    shown_count, deadline = 0, time.monotonic() + WAIT_SECONDS_MAX
    for number, process in running.items():
        try:
            code = process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            code = "nothing: it does not end"
        bench_servers.end(process)
        with open(f"{paths[number]}.errors", errors="replace") as file:
            errors = file.read()
        found, problem = shown(paths[number])
        if code != 0:
            problem = f"it exits with {code}: {errors[-500:]}"
        shown_count += len(found)
        report.compare_sets("processes", "logs follow", number, entries, set(found), expected[number], None, problem)
    server.end()
    return shown_count


def shown(path):
    """The entries in the output of -o json, in order, and what is wrong with them."""
    with open(path, "rb") as file:
        entries = [json.loads(line) for line in file]
    found = [(entry["stream"].encode(), entry["seq"]) for entry in entries]
    return found, "an entry comes twice" if len(set(found)) < len(found) else None


def commands(phase, server, reference, report):
    """Each filter by the commands of `logs`."""
    entries = read(server)
    expected, path = reference.expected(entries), f"{server.directory}/out"

    def output(*words):
        with open(path, "wb") as out:
            finished = subprocess.run(
                [f"{bench_servers.BINARIES}/logs", *words, "--server", server.url], stdout=out, stderr=subprocess.PIPE)
        return finished.returncode, finished.stderr.decode(errors="replace").strip()

    for way, words, is_merged in (
            ("logs follow", ("follow", "-n", "all", "--until-head"), None), ("logs query", ("query",), False),
            ("logs query -r", ("query", "-r"), True), ("logs query --count", ("query", "--count"), None)):
        begun, shown_count = time.monotonic(), 0
        for number, (text, _) in enumerate(reference.filters):
            is_count = "--count" in words
            code, errors = output(*words, PATTERN, f"--filter={text}", *(() if is_count else ("-o", "json")))
            refusal = errors or "refuses it" if code == 2 else None
            problem = None
            if code not in (0, 2) and not (code == 1 and "query" in words and not expected[number]):
                problem = f"it exits with {code}: {errors}"
            if is_count:
                with open(path) as file:
                    printed = file.read().strip()
                wanted = None if expected[number] is None else str(len(expected[number]))
                report.compare_values(phase, way, number, printed, wanted, refusal, problem)
                shown_count += int(printed or 0)
                continue
            found, twice = shown(path)
            report.compare_sets(phase, way, number, entries, set(found), expected[number], refusal, problem or twice)
            if is_merged is not None and set(found) == expected[number] and found != merged(found, entries, is_merged):
                report.difference(phase, way, number, "the entries come in another order")
            shown_count += len(found)
        report.add(phase, way, len(reference.filters), shown_count, begun)


PHASES = ("unsealed", "sealed", "restarted", "near", "rolled", "live", "processes")


def compare(given):
    begun, chance = time.monotonic(), random.Random(given.seed)
    print(f"seed {given.seed}", flush=True)
    server = Server()
    push(server, given.directory, given.lines)
    append(server.connect(), f"{PREFIX}/made/up".encode(), make_entries(chance, MADE_COUNT), chance)
    reference = Reference(read(server), chance, given.count)
    report = Report(reference)
    refused_count = sum(tree is None for _, tree in reference.filters)
    print(f"{given.count} filters, {refused_count} refused, over {len(reference.entries)} entries; the reference took "
          f"{time.monotonic() - begun:.0f} s", flush=True)
    # What a phase does must not depend on which others there are.
    for phase in PHASES:
        if phase in ("sealed", "restarted"):
            server.restart() if phase == "restarted" else seal(server)
        if phase not in given.phases:
            continue
        chance = random.Random(f"{given.seed} {phase}")
        if phase == "near":
            near(server, report, chance, NEAR_FILTER_FACTOR * given.count)
        elif phase == "rolled":
            rolled(reference, report, chance)
        elif phase == "live":
            live(reference, report, chance)
        elif phase == "processes":
            processes(reference, report, chance, given.processes)
        else:
            ask(phase, server, reference, report, chance)
            if phase == "sealed":
                commands(phase, server, reference, report)
        print(f"{phase}: {report.difference_count} differences after {time.monotonic() - begun:.0f} s", file=sys.stderr,
              flush=True)
    report.show()
    print(f"seed {given.seed}: {report.difference_count} differences, {time.monotonic() - begun:.0f} s")
    return report.difference_count


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", metavar="DIRECTORY")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--lines", type=int, default=200)
    parser.add_argument("--phases", type=lambda text: text.split(","), default=list(PHASES))
    parser.add_argument("--processes", type=int, default=50)
    given = parser.parse_args()
    if not set(given.phases) <= set(PHASES):
        bench_servers.fail(f"the phases are {', '.join(PHASES)}")

    def work():
        try:
            sys.exit(1 if compare(given) else 0)
        except Failed as problem:
            bench_servers.fail(problem)

    bench_servers.run(work)


if __name__ == "__main__":
    main()
