#!/usr/bin/python3
"""usage: forbidden-names.py [COUNT [SEED]]

Asks COUNT (10,000) times, over the wire and with the reference encoder, for streams outside the rights of a token: half of them exist,
half do not, in random order, with each kind of request that names one. The answers must be the same bytes but for the name (and what
is computed from it: the checks of the frame); the times must tell nothing either. Of them it shows means, medians, the 95 % interval
of the difference of the means, and the Mann-Whitney test: how probable a difference of ranks like this is where there is none.

Ends with 1 if an answer differs, or if a test finds a probability below 0.0001. Uses .build/release/logsd (make release;
LOGS_BINARIES names others)."""

import math
import os
import random
import statistics
import sys
import time

from bench_servers import BINARIES, Logsd, fail, output_of, print_table, run

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "spec", "reference"))
from client import Connection
from decoder import Header, decode_body
from encoder import batch, column, delta, frame, join, lengths

COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1_000_000)
STREAM_COUNT = 500
FORBIDDEN = 6
PROBABILITY_MIN = 0.0001
FRAME_MAX = 4 << 20
# Where a frame has its checks, which depend on the name: of the header, and of header and control part.
CHECKS = [(6, 8), (16, 20)]


def one_line():
    now = time.time_ns()
    columns = column(1, 7, b"\4" + delta([now]), "time") + column(4, 5, lengths([b"x"]), "message")
    return batch(1, columns, codec=1, times=[now])


LINE = one_line()
# Each kind of request that names a stream, as (type, batch, values).
KINDS = {
    "FOLLOW": lambda name: ("FOLLOW", (), dict(credit=1 << 20, selectors=[(0, name)])),
    "QUERY": lambda name: ("QUERY", (), dict(kind=1, selectors=[(0, name)])),
    "APPEND": lambda name: ("APPEND", LINE, dict(producer=bytes(range(16)), number=1, floor=1, stream=name)),
    "COMPLETE": lambda name: ("COMPLETE", (), dict(producer=bytes(range(16)), number=1, floor=1, stream=name, text=b"")),
    "DELETE": lambda name: ("DELETE", (), dict(deleteFlags=1, stream=name)),
}


class Asking:
    """A connection that asks for one thing after the other, and keeps each answer as it came."""

    def __init__(self, url, token):
        os.environ["LOGS_TOKEN"] = token
        self.connection = Connection(url, takes_refusals=True)
        self.socket = self.connection.socket
        self.input = bytes(self.connection.input)

    def ask(self, type, batch_part, values):
        """The answer's bytes, and the nanoseconds that it took."""
        data = join(frame(type, 1, batch_part, **values))
        begun = time.perf_counter_ns()
        self.socket.sendall(data)
        while True:
            answer = self.next()
            took = time.perf_counter_ns() - begun
            header = Header(answer[:20], FRAME_MAX)
            message = decode_body(header, answer[20:])
            if message["type"] == "PING":
                self.socket.sendall(join(frame("PONG", token=message["token"])))
                continue
            if message["type"] != "ERROR" or message["code"] != FORBIDDEN:
                fail(f"{type} is answered with {message}")
            return answer, took

    def next(self):
        while len(self.input) < 20 or len(self.input) < 20 + int.from_bytes(self.input[:4], "little"):
            data = self.socket.recv(1 << 16)
            if not data:
                fail("the server has closed the connection")
            self.input += data
        size = 20 + int.from_bytes(self.input[:4], "little")
        answer, self.input = self.input[:size], self.input[size:]
        return answer


def without(answer, name):
    """The answer without the name and the checks, which follow from it."""
    data = bytearray(answer)
    for begin, end in CHECKS:
        data[begin:end] = bytes(end - begin)
    if bytes(data).count(name) == 0:
        fail(f"the answer does not name {name}: {answer}")
    return bytes(data).replace(name, b"?" * len(name))


def mann_whitney(left, right):
    """The probability (two-sided, normal approximation with ties) of ranks as different as these if there is no difference."""
    values = sorted([(value, 0) for value in left] + [(value, 1) for value in right])
    ranks, ties, at = 0.0, 0, 0
    while at < len(values):
        end = at
        while end < len(values) and values[end][0] == values[at][0]:
            end += 1
        rank, size = (at + end + 1) / 2, end - at
        ranks += rank * sum(1 for _, side in values[at:end] if side == 0)
        ties += size ** 3 - size
        at = end
    n, m = len(left), len(right)
    total = n + m
    u = ranks - n * (n + 1) / 2
    deviation = math.sqrt(n * m / 12 * (total + 1 - ties / (total * (total - 1))))
    return math.erfc(abs(u - n * m / 2) / deviation / math.sqrt(2))


def interval(left, right):
    """The difference of the means, and half of its 95 % interval (Welch)."""
    error = math.sqrt(statistics.variance(left) / len(left) + statistics.variance(right) / len(right))
    return statistics.mean(left) - statistics.mean(right), 1.96 * error


def row(name, times):
    there, absent = times
    difference, half = interval(there, absent)
    probability = mann_whitney(there, absent)
    cells = [f"{statistics.mean(there) / 1e3:.1f}", f"{statistics.mean(absent) / 1e3:.1f}", f"{statistics.median(there) / 1e3:.1f}",
             f"{statistics.median(absent) / 1e3:.1f}", f"{difference / 1e3:+.2f} +- {half / 1e3:.2f}", f"{probability:.3f}"]
    return [name, f"{len(there) + len(absent):,}", *cells], probability


def make_streams(server, names, token):
    os.environ["LOGS_TOKEN"] = token
    connection = Connection(server.url)
    for at, name in enumerate(names):
        connection.send("APPEND", at + 1, LINE, producer=os.urandom(16), number=1, floor=1, stream=name)
        acknowledged = False
        while not acknowledged:
            acknowledged = any(message["type"] == "ACK" for message in connection.receive()[0])


def main():
    generator = random.Random(SEED)
    server = Logsd("--shards", "1")
    tokens = {}
    for name, rights in [("all", ["admin:**"]), ("some", ["append:mine/*", "read:mine/*", "delete:mine/*"])]:
        words = [f"{BINARIES}/logsd", "token", "create", "--data", f"{server.directory}/data", "--name", name]
        tokens[name] = output_of(*words, *[word for right in rights for word in ("--allow", right)]).strip()
    # So that it reads them now.
    server.process.send_signal(1)
    time.sleep(0.5)
    names = [f"theirs/{value:08x}".encode() for value in generator.sample(range(1 << 32), 2 * STREAM_COUNT)]
    there, absent = names[:STREAM_COUNT], names[STREAM_COUNT:]
    make_streams(server, there, tokens["all"])
    kinds = list(KINDS)
    questions = [(kind, is_there) for kind in kinds for is_there in (True, False) for _ in range(-(-COUNT // 2 // len(kinds)))]
    generator.shuffle(questions)
    asking = Asking(server.url, tokens["some"])
    for kind in kinds * 100:
        asking.ask(*KINDS[kind](b"theirs/warm-up."))
    answers = {kind: set() for kind in kinds}
    times = {kind: ([], []) for kind in kinds}
    for kind, is_there in questions:
        name = generator.choice(there if is_there else absent)
        answer, took = asking.ask(*KINDS[kind](name))
        answers[kind].add(without(answer, name))
        times[kind][not is_there].append(took)
    print(f"{len(questions):,} requests, seed {SEED}; times in us, of names that exist and that do not")
    rows = [["request", "count", "mean", "mean not", "median", "median not", "difference of means", "Mann-Whitney p"]]
    faults = [f"answers to {kind} differ: {sorted(answers[kind])}" for kind in kinds if len(answers[kind]) != 1]
    for kind in kinds:
        cells, probability = row(kind, times[kind])
        rows.append(cells)
        if probability < PROBABILITY_MIN:
            faults.append(f"the times of {kind} differ: p = {probability:.6f}")
    cells, _ = row("all", tuple(sum((times[kind][side] for kind in kinds), []) for side in (0, 1)))
    print_table([*rows, cells], 1)
    print("the answers are the same bytes but for the name" if not faults else "\n".join(faults))
    server.end()
    if faults:
        sys.exit(1)


run(main)
