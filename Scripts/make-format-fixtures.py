#!/usr/bin/python3
"""Makes the test data of each format of the store: Tests/Formats.

    make-format-fixtures.py [FORMAT...] [--builds DIR] [--into DIR]

For each FORMAT (all, unless some are named) the last commit with it (old_versions.py) is built in a clone. Its server gets the same
entries by the reference client: all severities and types of values, entries without time, bytes that are no UTF-8, columns that
nobody knows, a sealed stream, resent batches, and deletions where the format has them. There are two segments, of which the first is
sealed, and compacted where the format has that. The server is killed right behind its last ACK; what is in the directory then is `killed.tar.gz`, and what it leaves when it
is started again and stopped is `clean.tar.gz`. Beside them:

    entries.txt    every entry that the old server delivers, as the reference decoder prints it, streams in the order of their names
    appends.txt    batches that a producer may send again: stream, producer, number, first sequence number, count, bytes
    spool.tar.gz   what `logs push --spool` of that commit has left without a server, and spool.txt, its lines
    cursor         what `logs follow --cursor-file` has left in the middle
"""
import argparse
import os
import re
import shutil
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time

import old_versions
from old_versions import FORMATS, ROOT, Server, output, wait_until
from client import CREDIT, Connection, Failed
from decoder import decode_run, show_entry
from encoder import batch, column, delta, dictionary, join, keys, lengths, value

START = 1_763_610_000_000_000_000  # 2025-11-20 03:40
DELETING_FORMAT, JOURNAL_FORMAT, COMPACTING_FORMAT = 3, 4, 5
# What a copy need not have.
LEFT_OUT = ("reserve", "lock", "control.sock", "tokens.lock")

VALUES = [
    (b"empty", ("empty", None)), (b"text", ("string", b"a \"b\" \xc3\xa9")), (b"bytes", ("bytes", b"\x00\xff")),
    (b"yes", ("boolean", 1)), (b"no", ("boolean", 0)), (b"small", ("integer", -1)), (b"large", ("integer", 2**63 - 1)),
    (b"least", ("integer", -2**63)), (b"half", ("double", struct.pack("<d", 0.5))),
    (b"nan", ("double", bytes.fromhex("010000000000f87f"))),
    (b"list", ("list", [("integer", 1), ("list", []), ("string", b"x")])),
    (b"map", ("map", [(b"", ("empty", None)), (b"k", ("map", [(b"deep", ("integer", 7))]))])),
]


def encode(entries, codec=1, unknown=False):
    """The bytes of a batch. An entry is (time, severity, source, message, attributes, kind)."""
    times, severities, sources, messages, attributes, kinds = zip(*entries)
    columns = []
    if any(times):
        columns += column(1, 4, delta(times), "time")
    if any(severities):
        columns += column(2, 1, bytes(severities), "severity")
    if any(sources):
        columns += column(3, 6, dictionary(sources), "source")
    columns += column(4, 5, lengths(messages), "message")
    if any(attributes):
        columns += column(5, 6, dictionary([keys(name for name, _ in row) for row in attributes]), "keys")
        columns += column(6, 5, lengths([b"".join(value(v) for _, v in row) for row in attributes]), "values")
    if any(kinds):
        columns += column(7, 1, bytes(kinds), "kind")
    if unknown:
        columns += column(40, 2, b"".join(struct.pack("<Q", n) for n in range(len(entries))), "unknown")
        columns += column(41, 7, b"\x05" + lengths([b"the same"]), "unknown")
    return join(batch(len(entries), columns, codec=codec, times=times, severities=severities))


def web(number, count=30):
    """Lines of all severities, with some attributes."""
    return [(START + (number * count + row) * 1_000_000_000 + row, (number * count + row) % 25, b"", b"request %d took %d ms" % (
        number * count + row, row * 7 % 50), [(b"status", ("integer", 200 + row % 3 * 100))] if row % 2 else [], 0) for row in range(count)]


def nginx(number):
    return [(START + number * 10**12 + row * 10**6, 9, (b"nginx", b"db", b"")[row % 3], b"value %d" % row, [VALUES[row], VALUES[-1 - row]]
             if row % 5 and row != len(VALUES) - 1 - row else [VALUES[row]], 0) for row in range(len(VALUES))]


def plain(number):
    messages = [b"", b"caf\xe9 \xff\xfe", b"\x1b[31mred\x1b[0m", b"x" * 3000, b"tab\there", b"last of %d" % number]
    return [(0 if row % 2 or number == 1 else START + row, 0, b"", message, [], 1 if row == 4 else 0) for row, message in enumerate(messages)]


def identity(producer):
    """As the tests of the store have it."""
    return struct.pack("<QQ", 1, producer)


class Producer:
    """Appends by the reference client, and notes what may be sent again."""

    def __init__(self, server):
        self.connection, self.id, self.appends = Connection(server.url, takes_refusals=True), 0, {}

    def ask(self, type, batch=b"", **values):
        self.id += 1
        self.connection.send(type, self.id, [("batch", batch)], **values)
        messages = []
        while not messages:
            messages = self.connection.receive()[0]
        answer = messages[0]
        if answer["type"] == "ERROR":
            sys.exit(f"{type} was refused: {answer['code']} {answer['text'].decode()}")
        return answer

    def append(self, stream, producer, number, data):
        answer = self.ask("APPEND", data, producer=identity(producer), number=number, floor=1, stream=stream)
        self.appends[stream, producer, number] = (answer["firstSequence"], answer["count"], data)

    def again(self, stream, producer, number):
        first, count, data = self.appends[stream, producer, number]
        answer = self.ask("APPEND", data, producer=identity(producer), number=number, floor=1, stream=stream)
        if (answer["ackFlags"] & 1, answer["firstSequence"], answer["count"]) != (1, first, count):
            sys.exit(f"{stream} {number} was not stored once")

    def forget(self, stream):
        self.appends = {key: found for key, found in self.appends.items() if key[0] != stream}

    def text(self):
        """The last 32 of each producer on a stream: what a mark has to know."""
        last = {}
        for stream, producer, number in self.appends:
            last[stream, producer] = max(number, last.get((stream, producer), 0))
        kept = [key for key in sorted(self.appends) if key[2] > last[key[:2]] - 32]
        return "".join(
            f"{stream.decode()} {producer} {number} {first} {count} {data.hex()}\n"
            for stream, producer, number in kept for first, count, data in [self.appends[stream, producer, number]])


def delivered(server):
    """What a follower of everything gets, as text: streams by name, skips, entries, and when they were received."""
    connection, id = Connection(server.url), 1
    connection.send("FOLLOW", id, credit=1 << 40, start=0, followFlags=2, selectors=[(1, b"**")])
    streams, texts, received = {}, {}, {}
    while True:
        for message in connection.receive()[0]:
            at = streams.get(message.get("handle"))
            if message["type"] == "STREAM":
                streams[message["handle"]] = (message["stream"], message["incarnation"])
                texts[message["stream"]] = [f"stream {message['stream'].decode()} {('open', 'sealed')[message['state']]}"]
            elif message["type"] == "SKIP":
                texts[at[0]].append(f"skip {message['reason']} {message['from']} {message['to']}")
            elif message["type"] == "BATCH":
                for e in (e for found in decode_run(message, *at) for e in found["entries"]):
                    if not message["from"] <= e["sequence"] <= message["to"]:
                        continue
                    if received.get(at) != e["received"]:
                        received[at] = e["received"]
                        texts[at[0]].append(f"received {e['received']}")
                    texts[at[0]].append(show_entry(e))
            elif message["type"] == "END":
                # Doubles by their bits only: languages print them differently.
                return re.sub(r"double \S+ \(", "double (", "".join(
                    line + "\n" for name in sorted(texts) for line in texts[name]))


def first_segment(producer):
    for number in (1, 2, 3):
        producer.append(b"web", 1, number, encode(web(number), unknown=number == 2))
    producer.append(b"web", 2, 1, encode(web(10), codec=0))
    producer.append(b"docker/nginx", 1, 1, encode(nginx(1)))
    producer.append(b"plain", 3, 1, encode(plain(1)))
    producer.append(b"task/42", 3, 1, encode(web(20, 3)))
    producer.ask("COMPLETE", producer=identity(3), number=2, floor=1, stream=b"task/42", text=b"done")
    producer.append(b"gone", 3, 1, encode(web(30, 5)))
    for number in range(1, 41):
        producer.append(b"tick", 4, number, encode(web(number, 1), codec=0))
    for number in (1, 2, 3):
        producer.again(b"web", 1, number)


def second_segment(producer, format):
    producer.again(b"web", 1, 3)
    for number in (4, 5, 6):
        producer.append(b"web", 1, number, encode(web(number)))
    for number in (2, 3):
        producer.append(b"web", 2, number, encode(web(10 + number), unknown=True))
    producer.append(b"docker/nginx", 1, 2, encode(nginx(2), codec=0))
    producer.append(b"plain", 3, 2, encode(plain(2)))
    for number in range(41, 72):
        producer.append(b"tick", 4, number, encode(web(number, 1), codec=0))
    producer.again(b"tick", 4, 50)
    if format >= DELETING_FORMAT:
        producer.ask("DELETE", stream=b"web", **{"from": 11, "to": 20})
        producer.ask("DELETE", stream=b"web", **{"from": 185, "to": 190})
        producer.ask("DELETE", stream=b"gone")
        producer.forget(b"gone")
        producer.append(b"gone", 3, 1, encode(web(31, 2)))


def pack(directory, path):
    left_out = [f"--exclude=./{name}" for name in LEFT_OUT]
    words = ["tar", "--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", *left_out, "-C", directory, "-cf", "-", "."]
    archive = subprocess.run(words, stdout=subprocess.PIPE, check=True).stdout
    with open(path, "wb") as file:
        file.write(subprocess.run(["gzip", "-9n"], input=archive, stdout=subprocess.PIPE, check=True).stdout)


def ask(database, query):
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        return connection.execute(query).fetchone()[0]


def make(format, programs, work, target):
    data, spool, cursor = f"{work}/data", f"{work}/spool", f"{work}/cursor"
    lines = [b"line %d of the spool\n" % number for number in range(1, 41)]
    # One segment is sealed as soon as there is another.
    server = Server(programs, data, ["--segment-age", "1s", *programs.flags(("rewrite-delay", "10ms"), ("upkeep-cpu", "100"))])
    producer = Producer(server)
    first_segment(producer)
    logs = [programs.logs]
    output(*logs, "follow", "web", "docker/**", "-n", "all", "--limit", "40", "--cursor-file", cursor, "--server", server.url)
    segments = f"{data}/segments"
    number = [0]

    def is_sealed():
        number[0] += 1
        producer.append(b"tock", 5, number[0], encode(web(number[0], 1)))
        time.sleep(0.3)
        names = os.listdir(segments)
        return "0000000002.db" in names and "0000000001.db-wal" not in names

    wait_until(is_sealed, "sealing")
    if format >= COMPACTING_FORMAT:
        wait_until(lambda: ask(f"{segments}/0000000001.db", "SELECT compacted FROM segment"), "compaction")
    server.stop()
    small = programs.flags(("journal-bytes", "64k"))
    server = Server(programs, data, small)
    producer.connection = Connection(server.url, takes_refusals=True)
    second_segment(producer, format)
    output(*logs, "push", "spooled", "--spool", spool, "--server", server.url, input=b"".join(lines[:20]))
    producer.append(b"tick", 4, 72, encode(web(72, 1), codec=0))
    server.kill()
    shutil.copytree(data, f"{work}/killed", ignore=shutil.ignore_patterns(*LEFT_OUT))

    server = Server(programs, data, small)
    entries = delivered(server)
    printed = output(*logs, "follow", "**", "-n", "all", "--until-head", "-o", "json", "--server", server.url)
    if printed.count("\n") != entries.count("\n  entry "):
        sys.exit(f"logs prints {printed.count(chr(10))} entries, the reference client gets {entries.count(chr(10) + '  entry ')}")
    server.stop()
    output(*logs, "push", "spooled", "--spool", spool, "--retry-for", "0.2", "--server", server.url, input=b"".join(lines[20:]), fails=True)
    found = {ask(f"{segments}/000000000{n}.db", "PRAGMA user_version") for n in (1, 2)}
    if found != {format}:
        sys.exit(f"the segments have formats {found}, not {format}")

    os.makedirs(target, exist_ok=True)
    pack(f"{work}/killed", f"{target}/killed.tar.gz")
    pack(data, f"{target}/clean.tar.gz")
    pack(spool, f"{target}/spool.tar.gz")
    shutil.copy(cursor, f"{target}/cursor")
    for name, text in ("entries.txt", entries), ("appends.txt", producer.text()), ("spool.txt", b"".join(lines).decode()):
        with open(f"{target}/{name}", "w", encoding="utf-8") as file:
            file.write(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("formats", nargs="*", type=int, metavar="FORMAT")
    parser.add_argument("--builds", default=f"{ROOT}/.build/versions")
    parser.add_argument("--into", default=f"{ROOT}/Tests/Formats")
    given = parser.parse_args()
    for format in given.formats or FORMATS:
        programs = old_versions.build(FORMATS[format], given.builds)
        with tempfile.TemporaryDirectory(prefix="logs-formats-") as work:
            make(format, programs, work, f"{given.into}/{format}")
        print(f"format {format}, written by {programs.name}")


if __name__ == "__main__":
    main()
