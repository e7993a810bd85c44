"""Appends: wire.md 4.6 to 4.8 and 5, session.md 4."""
import glob
import os

from decoder import decode_batch, read_vector
from encoder import batch, column, join, lengths
from peer import RETRYABLE, ROOT, Broken, check, delivered, entries, require, shown, untimed


def damaged(data):
    """The same batch with a bit of its payload changed."""
    return data[:-1] + bytes([data[-1] ^ 1])


@check("model P1", "numbers of a stream begin with 1 and are dense, whoever appends")
def _(run):
    stream, first, second = run.stream(), os.urandom(16), os.urandom(16)
    with run.peer() as peer, run.peer() as other:
        found = [peer.append(stream, first, 1, entries([b"1", b"2"])), other.append(stream, second, 1, entries([b"3"])),
                 peer.append(stream, first, 2, entries([b"4", b"5", b"6"]))]
        require([(ack["firstSequence"], ack["count"]) for ack in found] == [(1, 2), (3, 1), (4, 3)], "other numbers were given")
        require(len({ack["incarnation"] for ack in found}) == 1 and found[0]["incarnation"], "incarnations differ, or are 0")
        require(not any(ack["ackFlags"] & 1 for ack in found), "a new batch counts as a duplicate")
        delivery = delivered(peer, stream, followFlags=2).ended(3)
        require(delivery.messages == [b"%d" % n for n in range(1, 7)], f"{delivery.messages} is delivered")


@check("session 4.1", "a batch that is sent again, on any connection, is acknowledged as a duplicate with its first numbers")
def _(run):
    stream, producer, data = run.stream(), os.urandom(16), [entries([b"%d" % n] * 3) for n in range(5)]
    with run.peer() as peer:
        first = [peer.append(stream, producer, n + 1, data[n]) for n in range(5)]
    with run.peer() as peer:
        for n in 0, 4, 2, 2:
            ack = peer.append(stream, producer, n + 1, data[n])
            require(ack["ackFlags"] & 1, "it does not count as a duplicate")
            require([ack[k] for k in ("firstSequence", "count", "incarnation")] == [first[n][k] for k in (
                "firstSequence", "count", "incarnation")], "it has other numbers")
        require(peer.append(stream, producer, 6, entries([b"next"]))["firstSequence"] == 16, "something was stored twice")


@check("session 4.1", "the last 32 numbers are known; one further back is refused with producer_conflict")
def _(run):
    stream, producer = run.stream(), os.urandom(16)
    with run.peer() as peer:
        for number in range(1, 41):
            peer.append(stream, producer, number, entries([b"%d" % number]))
        for number in 9, 20, 40:
            ack = peer.append(stream, producer, number, entries([b"%d" % number]))
            require(ack["ackFlags"] & 1 and ack["firstSequence"] == number, f"{number} is no duplicate at {number}")
        peer.refuses("producer_conflict", "APPEND", entries([b"8"]), 0, producer=producer, number=8, floor=1, stream=stream)


@check("session 4.1", "a number that was stored with other bytes is refused with producer_conflict")
def _(run):
    stream, producer = run.stream(), os.urandom(16)
    with run.peer() as peer:
        peer.append(stream, producer, 1, entries([b"one"]))
        peer.refuses("producer_conflict", "APPEND", entries([b"two"]), 0, producer=producer, number=1, floor=1, stream=stream)


@check("session 4.1", "a number behind a gap is refused with out_of_order, retryable, and the number expected")
def _(run):
    stream, producer = run.stream(), os.urandom(16)
    with run.peer() as peer:
        peer.append(stream, producer, 1, entries([b"1"]))
        message = peer.refuses("out_of_order", "APPEND", entries([b"3"]), RETRYABLE, producer=producer, number=3, floor=1, stream=stream)
        detail = dict(message["extensions"]).get(1)
        require(detail is None or int.from_bytes(detail, "little") == 2, "the detail is not 2")
        require(peer.append(stream, producer, 2, entries([b"2"]))["firstSequence"] == 2, "2 was not stored behind 1")


@check("session 4.1", "with a higher floor numbers are passed over, and one of those gets out_of_order with a higher number")
def _(run):
    stream, producer = run.stream(), os.urandom(16)
    with run.peer() as peer:
        require(peer.append(stream, producer, 5, entries([b"5"]), floor=5)["firstSequence"] == 1, "5 was not stored")
        message = peer.refuses("out_of_order", "APPEND", entries([b"4"]), RETRYABLE, producer=producer, number=4, floor=4, stream=stream)
        detail = dict(message["extensions"]).get(1)
        require(detail is None or int.from_bytes(detail, "little") == 6, "the detail is not 6")


@check("session 4.1", "a refused batch leaves the mark alone: those behind it are out of order, and the number can be used again")
def _(run):
    stream, producer = run.stream(), os.urandom(16)
    with run.peer() as peer:
        bad = entries([b"x"], severity=25)
        ids = [peer.start("APPEND", data, producer=producer, number=n + 1, floor=1, stream=stream) for n, data in enumerate(
            (bad, entries([b"2"])))]
        answers = {message["id"]: message.get("code") for message in (peer.receive(), peer.receive())}
        require(answers == {ids[0]: 20, ids[1]: 21}, f"the answers are {answers}")
        require(peer.append(stream, producer, 1, entries([b"1"]))["firstSequence"] == 1, "1 was not stored")


@check("session 4.1", "order and duplicates are decided before content")
def _(run):
    stream, producer, bad = run.stream(), os.urandom(16), entries([b"x"], severity=25)
    with run.peer() as peer:
        peer.append(stream, producer, 1, entries([b"1"]))
        peer.refuses("out_of_order", "APPEND", bad, producer=producer, number=9, floor=1, stream=stream)
        peer.refuses("producer_conflict", "APPEND", bad, producer=producer, number=1, floor=1, stream=stream)


@check("session 4.3", "a batch that is not what its producer signed is refused with bad_batch, retryable; any other bad one is not")
def _(run):
    stream, producer, good = run.stream(), os.urandom(16), entries([b"good"])
    with run.peer() as peer:
        for data, flags in (damaged(good), RETRYABLE), (b"\1" + good[1:], RETRYABLE), (entries([b"x"], severity=25), 0), (good[:-1], None), (
                b"", None):
            peer.refuses("bad_batch", "APPEND", data, flags, producer=producer, number=1, floor=1, stream=stream)
        peer.append(stream, producer, 1, good)


@check("wire 4.6", "numbers and floors out of range, and names that are none, are refused with bad_request")
def _(run):
    with run.peer() as peer:
        good = {"producer": os.urandom(16), "number": 1, "floor": 1, "stream": run.stream()}
        for changes in [{"number": 0}, {"floor": 0}, {"floor": 2}, {"number": 1 << 63}, {"number": (1 << 64) - 1}]:
            peer.refuses("bad_request", "APPEND", entries([b"x"]), 0, **{**good, **changes})
        for name in b"", b"/a", b"a/", b"a//b", b"$own", b"a b", b"a*", b"\xc3\xa9", b"a" * 201, b"a\0":
            peer.refuses("bad_request", "APPEND", entries([b"x"]), 0, **{**good, "stream": name})
            peer.refuses("bad_request", "COMPLETE", b"", 0, **{**good, "stream": name})


@check("wire 4.0", "names have up to 200 bytes of A-Z a-z 0-9 . _ : @ - in parts, and differ in case")
def _(run):
    with run.peer() as peer:
        for part in b"AZaz09._:@-", b"..", b"x" * (199 - len(run.prefix)), b"case", b"CASE":
            name = run.prefix.encode() + b"/" + part
            require(peer.append(name, os.urandom(16), 1, entries([b"x"]))["firstSequence"] == 1, f"{name} is no new stream")


@check("wire 4.7", "one ACK may answer a run of ids; together they answer every APPEND once")
def _(run):
    stream, producer, count = run.stream(), os.urandom(16), min(run.welcome["producerBatches"], run.welcome["appendBatches"], 20)
    with run.peer() as peer:
        peer.raw(b"".join(peer.bytes("APPEND", n, entries([b"x"] * n), producer=producer, number=n, floor=1, stream=stream) for n in range(
            1, count + 1)))
        next_id, sequence = 1, 1
        while next_id <= count:
            ack = peer.receive()
            require(ack and ack["type"] == "ACK" and ack["id"] == next_id, f"{shown(ack)} in place of ACK {next_id}")
            wanted = sum(range(next_id, next_id + ack["appends"]))
            require(ack["firstSequence"] == sequence and ack["count"] == wanted, "an ACK has other numbers than its batches")
            next_id, sequence = next_id + ack["appends"], sequence + wanted
        peer.goes_on()


# COMPLETE

@check("session 4.4", "COMPLETE adds an entry, and seals the stream: later appends are refused with stream_sealed, duplicates acknowledged")
def _(run):
    stream, producer, data = run.stream(), os.urandom(16), entries([b"1"])
    complete = {"producer": producer, "number": 2, "floor": 1, "stream": stream, "text": b"all done"}
    with run.peer() as peer:
        peer.append(stream, producer, 1, data)
        ack = peer.ask("COMPLETE", **complete)
        require((ack["type"], ack.get("firstSequence"), ack.get("count")) == ("ACK", 2, 1), f"{shown(ack)} in place of ACK of 2")
        again = peer.ask("COMPLETE", **complete)
        require(again["type"] == "ACK" and again["ackFlags"] & 1 and again["firstSequence"] == 2, "COMPLETE again is no duplicate")
        require(peer.append(stream, producer, 1, data)["ackFlags"] & 1, "a resent batch is no duplicate")
        peer.refuses("stream_sealed", "APPEND", entries([b"2"]), 0, producer=producer, number=3, floor=1, stream=stream)
        peer.refuses("stream_sealed", "COMPLETE", b"", 0, producer=os.urandom(16), number=1, floor=1, stream=stream, text=b"")
        delivery = delivered(peer, stream).ended(1)
        last = delivery.batches[-1]["entries"][-1]
        require((last["kind"], last["message"]) == (2, b"all done"), "the last entry is not of kind complete with the text")


@check("session 4.4", "COMPLETE of a stream that does not exist creates it; its text has at most 1,024 bytes")
def _(run):
    stream = run.stream()
    with run.peer() as peer:
        good = {"producer": os.urandom(16), "number": 1, "floor": 1, "stream": stream}
        peer.refuses("bad_request", "COMPLETE", b"", 0, text=b"x" * 1025, **good)
        ack = peer.ask("COMPLETE", text=b"x" * 1024, **good)
        require(ack["type"] == "ACK" and ack["firstSequence"] == 1, f"{shown(ack)} in place of ACK")


# Batches

def batch_vectors(folder):
    for path in sorted(glob.glob(f"{os.path.dirname(ROOT)}/spec/vectors/{folder}/*.hex")):
        headers, data = read_vector(path)
        if headers["kind"] == "batch":
            yield os.path.basename(path)[:-4], headers, data


@check("wire 5", "every batch of vectors/invalid is refused with bad_batch")
def _(run):
    stream, producer = run.stream(), os.urandom(16)
    with run.peer() as peer:
        for name, _, data in batch_vectors("invalid"):
            if len(data) + 200 > run.welcome["frameLimit"]:
                continue
            try:
                peer.refuses("bad_batch", "APPEND", data, producer=producer, number=1, floor=1, stream=stream)
            except Broken as broken:
                raise Broken(f"{name}: {broken}") from broken
        require(peer.append(stream, producer, 1, entries([b"x"]))["firstSequence"] == 1, "one of them was stored")


@check("wire 5", "every batch of vectors/valid is stored, and delivered with the same entries; its own bytes unless it is re-encoded")
def _(run):
    stream, producer, number = run.stream(), os.urandom(16), 0
    with run.peer() as peer:
        for name, _, data in batch_vectors("valid"):
            number += 1
            try:
                first = peer.append(stream, producer, number, data)["firstSequence"]
                delivery = delivered(peer, stream, start=4, startValue=first, followFlags=2).ended(3)
            except Broken as broken:
                raise Broken(f"{name}: {broken}") from broken
            sent = decode_batch(data)["entries"]
            found = [{**e, "received": 0} for b in delivery.batches for e in b["entries"]]
            wanted = [{**e, "sequence": first + n, "received": 0} for n, e in enumerate(sent)]
            require(found == wanted, f"{name}: other entries are delivered than were sent")
            if not any(b["flags"] & 2 for b in delivery.batches):
                require([b["check"] for b in delivery.batches] == [decode_batch(data)["check"]], f"{name}: the bytes were changed")


@check("wire 5.1", "a batch of 2 MiB is taken, and one that is larger is refused with bad_batch")
def _(run):
    stream, producer = run.stream(), os.urandom(16)
    with run.peer() as peer:
        lines = [os.urandom(1024 * 1024), bytes(1_000_000)]
        lines[1] = os.urandom(1_000_000 + 2 * 1024 * 1024 - len(untimed(lines)))
        data = untimed(lines)
        require(len(data) == 2 * 1024 * 1024, "the check is wrong")
        peer.append(stream, producer, 1, data)
        lines = [b"x" * 1024 * 1024, b"y" * 1024 * 1024, b"z" * 1024]
        larger = join(batch(3, column(4, 5, lengths(lines), "message")))
        if len(larger) + 100 <= run.welcome["frameLimit"]:
            peer.refuses("bad_batch", "APPEND", larger, producer=producer, number=2, floor=1, stream=stream)
