#!/usr/bin/python3
"""Writes ../vectors: every file of it but README.md. Deterministic for one version of libzstd (1.5.4 made the committed ones).

A valid vector must decode and an invalid one be refused for the step and error it names, or nothing is written for it."""
import os
import struct

import zstandard

from decoder import COLUMNS_MAX, FILTER, MIB, Refused, decode_session, decode_vector, quote, xxh3
from encoder import (batch, column, delta, dictionary, frame, join, keys, lengths, plain_zstd, value, varint, zigzag)

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "vectors")
NAMES = set()
for folder in ("valid", "invalid", "sessions"):
    os.makedirs(os.path.join(ROOT, folder), exist_ok=True)
    for file in os.listdir(os.path.join(ROOT, folder)):
        os.remove(os.path.join(ROOT, folder, file))


def annotated(pieces):
    """The lines of a .hex file for pieces of bytes."""
    lines, at = [], 0
    if len(pieces) > 500:
        pieces = [("content", join(pieces))]
    for label, data in pieces:
        note = f"# {at:5} {label}"
        if len(data) > 1 and data[0] == len(data) - 1 and (label == "stream" or label.endswith("name")):
            note += " " + quote(data[1:])
        elif label not in ("content", "payload") and len(data) in (1, 2, 4, 8) and "zero" not in label:
            note += f" {int.from_bytes(data, 'little')}"
        elif sum(32 <= b < 127 for b in data) > len(data) / 2 and len(data) <= 40:
            note += " " + quote(data)
        for start in range(0, len(data), 16):
            lines.append(f"{data[start:start + 16].hex(' '):<48}{note}".rstrip())
            note = ""
        at += len(data)
    return lines


def save(folder, name, headers, lines):
    assert name not in NAMES, name
    NAMES.add(name)
    with open(os.path.join(ROOT, folder, name + ".hex"), "w", encoding="utf-8") as file:
        file.write("\n".join([f"# {key}: {text}" for key, text in headers] + lines) + "\n")


def save_text(folder, name, text):
    with open(os.path.join(ROOT, folder, name + ".txt"), "w", encoding="utf-8") as file:
        file.write(text)


def decoded(kind, pieces):
    kind, *given = kind.split()
    return decode_vector({"kind": kind, **dict(f.split("=", 1) for f in given)}, join(pieces))


def valid(name, about, pieces, kind="frame"):
    text = decoded(kind, pieces)
    save("valid", name, [("kind", kind), ("about", about)], annotated(pieces))
    save_text("valid", name, text)


def invalid(name, reason, pieces, step, error, kind="frame"):
    try:
        decoded(kind, pieces)
    except Refused as refusal:
        assert (refusal.step, refusal.error) == (step, error), f"{name}: {refusal}"
        if os.environ.get("SHOW"):
            print(f"{name:45} {reason:75} {refusal.reason}")
    else:
        raise AssertionError(f"{name} was not refused")
    save("invalid", name, [("kind", kind), ("step", step), ("error", error), ("reason", reason)], annotated(pieces))


def session(name, about, frames):
    """A whole connection: `frames` are pieces of a frame behind the side that sends it."""
    lines = [line for side, pieces in frames for line in [side] + annotated(pieces)]
    save("sessions", name, [("kind", "session"), ("about", about)], lines)
    save_text("sessions", name, decode_session([(side, join(pieces)) for side, pieces in frames]))


STREAM, INCARNATION, TIME = b"web", 0x1122334455667788, 1_767_225_600_000_000_000
NUMBERED = f"stream=web incarnation=0x{INCARNATION:x}"
PRODUCER, SERVER, STORE = bytes(range(16)), bytes(range(16, 32)), bytes(range(32, 48))


def lines(*messages):
    """The columns of entries that have only a time and a message, and their times."""
    times = [TIME + i * 1_000_000 for i in range(len(messages))]
    return {"n": len(messages), "times": times,
            "columns": column(1, 4, delta(times), "time") + column(4, 5, lengths(messages), "message")}


def numbered(first, *messages, **more):
    return batch(**lines(*messages), numbered=(STREAM, INCARNATION, first, TIME + 5_000_000_000), **more)


def text(*messages):
    """Columns of untimed entries with a message."""
    return column(4, 5, lengths(messages), "message")


# A dictionary of raw content, and a batch that refers to it.
DICTIONARY = b"".join(b"GET /static/image-%d.png answered 200 in %d ms\n" % (i, i * 7 % 50) for i in range(8))
DICTIONARY_PACKED = zstandard.ZstdCompressor(level=19).compress(DICTIONARY)
TRAINED = bytes(zstandard.train_dictionary(1024, [b"GET /%d/%d answered 200 in %d ms" % (i % 10, i * 31 % 17, i % 50) for i in range(400)], level=3).as_bytes())


def with_dictionary(first, *messages, dictionary=DICTIONARY):
    """A numbered batch of codec 2."""
    known = zstandard.ZstdCompressionDict(dictionary)
    content = lines(*messages)
    payload = zstandard.ZstdCompressor(level=3, dict_data=known, write_dict_id=False).compress(join(content["columns"]))
    return batch(**content, codec=2, payload=payload, numbered=(STREAM, INCARNATION, first, TIME + 5_000_000_000),
                 changes=dict(flags=2, dictionary=xxh3(dictionary)))


# Messages: one of each, as frames ------------------------------------------------------------------------------------

ONE = batch(**lines(b"hello"))
MESSAGES = {
    "hello": ("HELLO", 0, dict(magic=b"LOGS", minVersion=1, maxVersion=1, features=1, frameLimit=4 * MIB,
                               client=b"reference 1", token=b"s3cret")),
    "welcome": ("WELCOME", 0, dict(version=1, frameLimit=4 * MIB, features=0, server=SERVER, store=STORE, heartbeat=10_000,
                                   appendBytes=8 * MIB, appendBatches=256, producerBatches=32, subscriptions=1024,
                                   name=b"logsd 1")),
    "error": ("ERROR", 0, dict(code=7, errorFlags=1, retryAfter=0, text=b"no byte for 30 s")),
    "ping": ("PING", 0, dict(token=0x0123456789ABCDEF)),
    "pong": ("PONG", 0, dict(token=0x0123456789ABCDEF)),
    "goaway": ("GOAWAY", 0, dict(retryAfter=1_000, text=b"restarting")),
    "append": ("APPEND", 5, dict(producer=PRODUCER, number=3, floor=2, stream=STREAM, batch=ONE)),
    "ack": ("ACK", 5, dict(appends=2, incarnation=INCARNATION, firstSequence=101, count=7)),
    "complete": ("COMPLETE", 6, dict(producer=PRODUCER, number=4, floor=4, stream=STREAM, text=b"done")),
    "follow": ("FOLLOW", 7, dict(credit=8 * MIB, start=0, selectors=[(0, STREAM)])),
    "stream": ("STREAM", 7, dict(handle=1, state=0, incarnation=INCARNATION, position=100, head=107, stream=STREAM)),
    "resolved": ("RESOLVED", 7, dict(streams=1)),
    "batch": ("BATCH", 7, {"handle": 1, "from": 101, "to": 102, "batch": numbered(101, b"one", b"two")}),
    "skip": ("SKIP", 7, {"handle": 1, "reason": 2, "from": 1, "to": 100}),
    "live": ("LIVE", 7, {}),
    "end": ("END", 7, dict(reason=3)),
    "credit": ("CREDIT", 7, dict(total=16 * MIB)),
    "cancel": ("CANCEL", 7, {}),
    "list": ("LIST", 8, dict(limit=100, pattern=b"docker/*", after=b"docker/nginx")),
    "listing": ("LISTING", 8, dict(listingFlags=1, streams=[
        dict(incarnation=INCARNATION, first=1, head=107, entries=107, bytes=4096, lastReceived=TIME, state=0, stream=b"docker/web")])),
    "stat": ("STAT", 9, {}),
    "status": ("STATUS", 9, dict(facts=[(b"version", 1, b"1.0"), (b"connections", 0, 12)])),
    "heads": ("HEADS", 7, dict(heads=[(1, 1_311), (4, 20)])),
    "query": ("QUERY", 10, dict(kind=2, width=60_000_000_000, selectors=[(0, STREAM), (1, b"docker/*")],
                                extensions=[(FILTER, b"level>=error -timeout")])),
    "progress": ("PROGRESS", 10, dict(entries=65_536, all=200_000, bytes=4 * MIB, time=1_792_454_400_123_456_789)),
    "result": ("RESULT", 10, dict(entries=7, missing=100, spans=[
        (TIME, 0, 0, 0, 0, 0, 2, 1), (TIME + 120_000_000_000, 0, 0, 0, 0, 0, 4, 0)])),
    "auth": ("AUTH", 12, dict(token=b"n3w")),
    "authorized": ("AUTHORIZED", 12, {}),
    "challenge": ("CHALLENGE", 0, dict(grace=60_000, text=b"the token is about to expire")),
    "dictionary": ("DICTIONARY", 0, dict(dictionary=xxh3(DICTIONARY), contentLength=len(DICTIONARY), content=DICTIONARY_PACKED)),
    "delete": ("DELETE", 11, {"deleteFlags": 0, "incarnation": INCARNATION, "from": 1, "to": 4_999, "stream": STREAM}),
    "deleted": ("DELETED", 11, {"incarnation": INCARNATION, "entries": 4_000, "bytes": 1_250_000, "from": 1_000, "to": 4_999}),
}


def message(name, changes={}, **others):
    type, id, values = MESSAGES[name]
    return frame(type, id, changes=changes, **{**values, **others})


for name, (type, _, _) in MESSAGES.items():
    valid(name, f"{type}", message(name), f"run {NUMBERED}" if name == "batch" else "frame")

valid("hello-without-token", "HELLO of a client that speaks versions 1 to 3, with feature bits nobody knows",
      message("hello", maxVersion=3, features=0xFF00000000000000, token=b""))
valid("welcome-checks-tokens", "WELCOME of a server that checks tokens, with feature bits nobody knows",
      message("welcome", features=0xFF00000000000002))
valid("dictionary-trained", "DICTIONARY whose content is one that zstd has trained",
      message("dictionary", dictionary=xxh3(TRAINED), contentLength=len(TRAINED), content=zstandard.ZstdCompressor(level=19).compress(TRAINED)))
valid("hello-takes-challenges", "HELLO of a client that answers CHALLENGE", message("hello", features=4))
valid("welcome-takes-auth", "WELCOME of a server that checks tokens and takes AUTH", message("welcome", features=6))
valid("auth-without-token", "AUTH that shows no token", message("auth", token=b""))
valid("auth-4096", "AUTH with the longest token", message("auth", token=b"t" * 4096))
valid("error-out-of-order", "ERROR out_of_order: the number expected is 6",
      frame("ERROR", 5, code=21, errorFlags=1, text=b"expected 6", extensions=[(1, struct.pack("<Q", 6))]))
valid("error-limit", "ERROR that names a limit and its value",
      frame("ERROR", 7, code=42, text=b"too many", extensions=[(2, struct.pack("<Q", 1024) + b"subscriptions")]))
valid("error-stream-replaced", "ERROR stream_replaced with the new incarnation and head, and a code's flags that nobody knows",
      frame("ERROR", 7, code=40, errorFlags=0xF0, text=b"", extensions=[(3, struct.pack("<QQ", INCARNATION, 7) + STREAM)]))
valid("ack-duplicate", "ACK of one batch that was stored before",
      message("ack", appends=1, ackFlags=1, firstSequence=1, count=1))
valid("append-first", "APPEND of a producer's first batch, to a name of 200 bytes",
      message("append", number=1, floor=1, stream=b"a/" * 99 + b"Z9"))
valid("follow-everything", "FOLLOW with patterns, cursors, a start and all four ends",
      message("follow", start=2, startValue=10, followFlags=0x1E, endSequence=500, endTime=TIME, limit=1000,
              selectors=[(0, b"task/42"), (1, b"docker/*"), (1, b"**"), (1, b"we?"), (0, b"$status")],
              cursors=[(STREAM, INCARNATION, 100), (b"task/42", 0, 0)]))
valid("follow-server-names", "FOLLOW of the server's own streams: their $ is not counted in the 200 bytes of a name or pattern",
      message("follow", selectors=[(0, b"$" + b"n" * 200), (1, b"$" + b"n" * 199 + b"*")], cursors=[(b"$" + b"n" * 200, 0, 1)]))
valid("follow-last-and-limit-64-bits", "FOLLOW of the last 2^64 - 1 entries, 2^64 - 1 of them at most: both are counts of any size",
      message("follow", start=2, startValue=2**64 - 1, followFlags=0x10, limit=2**64 - 1))
valid("follow-last-numbers", "FOLLOW from and to the last number that there is, with a cursor there",
      message("follow", start=4, startValue=2**63 - 1, followFlags=0x04, endSequence=2**63 - 1, cursors=[(b"db", 0, 2**63 - 1)]))
valid("follow-since", "FOLLOW since a time before 1970: startValue holds an i64",
      message("follow", start=3, startValue=2**64 - 1))
valid("follow-filter", "FOLLOW of the last 10 entries that pass a filter",
      message("follow", start=2, startValue=10, extensions=[(FILTER, "level>=warn path~/^\\/api\\// \"caf\u00e9\"".encode())]))
valid("follow-filter-empty", "FOLLOW with a filter that lets everything through", message("follow", extensions=[(FILTER, b"")]))
valid("follow-reverse", "FOLLOW in reverse, at most 10 entries", message("follow", followFlags=0x11, limit=10))
valid("stream-sealed", "STREAM that is sealed, nothing left of it", message("stream", state=1, position=107))
valid("stream-reverse", "STREAM of a reverse subscription: delivery starts below 108", message("stream", position=108))
valid("stream-unknown-state", "STREAM with a state of a later version, which counts as open", message("stream", state=9))
valid("stream-search-cut", "STREAM whose search back for the last entries that pass ended early",
      message("stream", extensions=[(1, b"")]))
valid("skip-unknown-reason", "SKIP with a reason of a later version, which counts as lost", message("skip", reason=77))
valid("end-unknown-reason", "END with a reason of a later version", message("end", reason=77))
valid("list-all", "LIST of everything from the start", message("list", pattern=b"", after=b""))
valid("listing-no-streams", "LISTING without a stream", frame("LISTING", 8))
valid("listing-later-fields", "LISTING whose rows carry fields of a later version behind the known ones", frame("LISTING", 8, streams=[
    dict(incarnation=1, first=1, head=0, lastReceived=0, state=0, stream=b"a", more=b"later"),
    dict(incarnation=2, first=8, head=9, entries=2, bytes=300, lastReceived=TIME, state=1, stream=b"b", more=b"x")]))
valid("status-no-facts", "STATUS without a fact", frame("STATUS", 9))
valid("query-count", "QUERY that counts all entries of a stream", frame("QUERY", 10, kind=1, selectors=[(0, STREAM)]))
valid("query-histogram", "QUERY for a histogram of the longest spans of time", frame(
    "QUERY", 10, kind=2, width=2**63 - 1, selectors=[(1, b"**"), (0, b"$status")]))
valid("query-fields", "QUERY for the most values of each field", frame("QUERY", 10, kind=3, valueCount=100, selectors=[(1, b"**")]))
valid("query-1024-selectors", "QUERY with the most selectors", frame("QUERY", 10, kind=1, selectors=[(0, b"a")] * 1024))
valid("query-filter-16-kib", "QUERY with the longest filter", frame(
    "QUERY", 10, kind=1, selectors=[(0, STREAM)], extensions=[(FILTER, b"x" * 16 * 1024)]))
valid("result-count", "RESULT of a count", frame("RESULT", 10, entries=2**64 - 1))
valid("result-fields", "RESULT with a field of each kind, one without values, one of which not all values could be counted", frame(
    "RESULT", 10, entries=9, fields=[
        (0, 0, 1, 6, b"", 6, b"web"), (1, 0, 2, 9, b"", 8, b"info", 1, b"error"), (2, 0, 0, 1, b"empty"),
        (2, 1, 2, 5, b"http.status", 4, b"200", 1, b"caf\xc3\xa9")]))
valid("result-spans", "RESULT with spans before 1970, the first one there can be, and every level", frame(
    "RESULT", 10, entries=30, spans=[(-2**63, 1, 0, 0, 0, 0, 0, 0), (-1000, 0, 0, 0, 0, 0, 0, 1), (0, 1, 2, 3, 4, 5, 6, 7)]))
valid("result-capped", "RESULT from which fields were left out, with a name and a value of the longest length", frame(
    "RESULT", 10, resultFlags=1, entries=5, fields=[(2, 1, 1, 5, b"n" * 255, 5, b"v" * 1024)]))
valid("result-ignored-flags", "RESULT with flags that nobody knows, in a field, too", frame(
    "RESULT", 10, resultFlags=0xFE, entries=1, fields=[(0, 0xFE, 1, 1, b"", 1, b"web")]))
valid("delete-stream", "DELETE of a whole stream, whatever its incarnation", message("delete", **{"incarnation": 0, "from": 0, "to": 0}))
valid("delete-dry-run", "DELETE that only asks what would go", message("delete", **{"deleteFlags": 1, "incarnation": 0, "from": 0, "to": 0}))
valid("delete-last-number", "DELETE of the last number that there is", message("delete", **{"from": 2**63 - 1, "to": 2**63 - 1}))
valid("delete-server-name", "DELETE of one of the server's own streams: well-formed, and forbidden", message("delete", stream=b"$audit"))
valid("deleted-nothing", "DELETED without an entry that goes", message("deleted", **{"entries": 0, "bytes": 0, "from": 0, "to": 0}))
valid("deleted-all-numbers", "DELETED of every number that there is", message("deleted", **{"entries": 2**63 - 1, "from": 1, "to": 2**63 - 1}))
valid("error-unknown-stream", "ERROR unknown_stream", frame("ERROR", 11, code=44, text=b"there is no stream 'web'"))
valid("frame-unknown-type", "A frame of an unknown type from 128 up, which is ignored", frame(200, 3, control=b"whatever"))
valid("frame-ignored-flags", "PING with the flags that are ignored", frame("PING", 0, flags=0xF0, token=1))
valid("extension-unknown", "PING with two extensions that nobody knows, which are skipped",
      frame("PING", 0, token=1, extensions=[(0x0077, b"abc"), (0x0078, b"")]))
valid("extensions-64", "PING with as many extensions as a frame may have",
      frame("PING", 0, token=1, extensions=[(tag, b"") for tag in range(100, 164)]))
valid("goaway-come-back", "GOAWAY of a server that will be back",
      message("goaway", extensions=[(1, b"\x01")]))
valid("goaway-go-elsewhere", "GOAWAY of a server that sends its clients elsewhere",
      message("goaway", extensions=[(1, b"\x02")]))
valid("goaway-unknown-advice", "GOAWAY with advice of a later version, which counts as none",
      message("goaway", extensions=[(1, b"\x4d")]))
valid("text-not-utf8", "GOAWAY whose text is not UTF-8: not refused, shown as well as can be",
      message("goaway", text=b"caf\xe9 \xff"))

# Header and checks of a frame
bad = [("header-check-wrong", "headerCheck is wrong", dict(headerCheck=0x1234)),
       ("header-length-flipped", "bodyLength has a flipped bit, which headerCheck finds", None),
       ("header-flags", "flags bit 0 must be zero", dict(flags=0x01)),
       ("header-flags-3", "flags bit 3 must be zero", dict(flags=0x08)),
       ("header-control-longer-than-body", "controlLength is above bodyLength", dict(controlLength=9)),
       ("header-control-shorter-than-body", "controlLength is not bodyLength in a PING", dict(controlLength=7))]
for name, reason, changes in bad:
    pieces = message("ping", changes=changes or {})
    if changes is None:
        pieces[0] = ("bodyLength", struct.pack("<I", 8 | 1 << 20))
    invalid(name, reason, pieces, "header", "protocol_violation")
invalid("header-body-above-limit", "bodyLength is above the limit of 4 MiB; only the header is here",
        message("append", changes=dict(bodyLength=4 * MIB + 1))[:7], "header", "frame_too_large")
invalid("header-body-4-gib", "bodyLength is 2^32 - 1; only the header is here",
        message("append", changes=dict(bodyLength=2**32 - 1))[:7], "header", "frame_too_large")
invalid("header-flags-and-limit", "flags bit 0 must be zero, and bodyLength is above the limit, which is looked at first",
        message("append", changes=dict(bodyLength=4 * MIB + 1, flags=0x01))[:7], "header", "frame_too_large")
invalid("header-control-above-1-mib", "controlLength is above 1 MiB; only the header is here",
        message("append", changes=dict(bodyLength=4 * MIB, controlLength=MIB + 1))[:7], "header", "protocol_violation")
for type in (0, 7, 42, 127):
    invalid(f"header-type-{type}", f"unknown type {type}" + (" (reserved)" if type == 42 else ""), frame(type, control=b""),
            "header", "unsupported")
invalid("check-wrong", "check is wrong", message("ping", changes=dict(check=1)), "check", "protocol_violation")
invalid("check-id-flipped", "check is not over this header: the id was changed, and headerCheck with it",
        message("credit")[:6] + frame("CREDIT", 9, total=16 * MIB)[6:], "check", "protocol_violation")
flipped = message("append")
flipped[8] = ("number", struct.pack("<Q", 7))
invalid("check-control-flipped", "a byte of the control part was changed", flipped, "check", "protocol_violation")

# Ids: 0 in what concerns the connection, another one in a request
REQUESTS = ("append", "complete", "follow", "list", "stat", "query", "auth", "delete")
for name in ("hello", "welcome", "challenge", "dictionary", "goaway", "ping", "pong"):
    type, _, values = MESSAGES[name]
    invalid(f"{name}-id", f"{type} with an id other than 0", frame(type, 1, **values), "id", "protocol_violation")
for name in REQUESTS:
    type, _, values = MESSAGES[name]
    pieces = values.get("batch", ())
    invalid(f"{name}-id-0", f"{type} with id 0", frame(type, 0, pieces, **{k: v for k, v in values.items() if k != "batch"}),
            "id", "protocol_violation")

# Control parts: cut short, too long, zero bytes, lengths that lie


def bad_control(name, of, reason, pieces, step="control", error=None):
    invalid(name, reason, pieces, step, error or ("bad_request" if of in REQUESTS else "protocol_violation"))


def recheck(pieces, control):
    """The same frame with another control part, and right checks."""
    type, id = pieces[1][1][0], int.from_bytes(pieces[4][1], "little")
    again = frame(200, id, control=control)
    head = struct.pack("<IBBHII", len(control), type, 0, 0, id, len(control))
    head = head[:6] + struct.pack("<H", xxh3(head) & 0xFFFF) + head[8:]
    return [(label, head[at:at + size]) for label, at, size in
            (("bodyLength", 0, 4), ("type", 4, 1), ("flags", 5, 1), ("headerCheck", 6, 2), ("id", 8, 4), ("controlLength", 12, 4))] \
        + [("check", struct.pack("<I", xxh3(control, xxh3(head)) & 0xFFFFFFFF))] + again[7:]


def plain(name):
    type, id, values = MESSAGES[name]
    return frame(type, id, **{k: v for k, v in values.items() if k != "batch"})


for name, (type, _, _) in MESSAGES.items():
    control = join(plain(name)[7:])
    if control:
        bad_control(f"{name}-short", name, f"the last byte of {type}'s control part is missing", recheck(plain(name), control[:-1]))
        bad_control(f"{name}-empty", name, f"{type} with an empty control part", recheck(plain(name), b""))
    bad_control(f"{name}-long", name, f"{type} with a byte behind its fields, too short for an extension",
                recheck(plain(name), control + b"\x01"))
    offset = 0
    for label, data in plain(name)[7:]:
        if label == "zero":
            bad_control(f"{name}-zero-{offset}", name, f"zero bytes at offset {offset} of {type} are not zero",
                        message(name, **{f"zero@{offset}": b"\1".rjust(len(data), b"\0")}))
        offset += len(data)

bad_control("append-stream-length", "append", "the name's length reaches behind the control part",
            message("append", changes={"control stream": b"\x04web"}))
bad_control("hello-token-length", "hello", "the token's length reaches behind the control part",
            message("hello", changes={"control token": b"\xff\xffs3cret"}))
bad_control("follow-selector-count", "follow", "selectorCount is 2, one is there", message("follow", selectorCount=2))
bad_control("follow-cursor-count", "follow", "cursorCount is 2^32 - 1, none is there", message("follow", cursorCount=2**32 - 1))
bad_control("listing-count", "listing", "count is 2, one is there", message("listing", count=2))
row = MESSAGES["listing"][2]["streams"][0]
bad_control("listing-row-length-short", "listing", "a row's length cuts its name off", frame("LISTING", 8, streams=[{**row, "length": 50}]))
bad_control("listing-row-length-long", "listing", "a row's length reaches behind the control part",
            frame("LISTING", 8, streams=[{**row, "length": 61}]))
bad_control("status-count", "status", "count is 3, two are there", message("status", count=3))
bad_control("status-kind", "status", "a fact of an unknown kind, whose length nobody knows", frame("STATUS", 9, facts=[(b"a", 2, 1)]))
query, sources = frame("QUERY", 10, kind=1, selectors=[(0, STREAM)]), [(0, 0, 1, 6, b"", 6, b"web")]
bad_control("query-selector-count", "query", "selectorCount is 2, one is there",
            frame("QUERY", 10, kind=1, selectorCount=2, selectors=[(0, STREAM)]))
bad_control("query-selector-short", "query", "a selector's name is cut short", recheck(query, join(query[7:])[:-1]))
bad_control("result-span-count", "result", "spanCount is 2^32 - 1, two are there", message("result", spanCount=2**32 - 1))
bad_control("result-field-count", "result", "fieldCount is 2^32 - 1, one is there",
            frame("RESULT", 10, fieldCount=2**32 - 1, fields=sources))
bad_control("result-value-count", "result", "valueCount is 2, one is there",
            frame("RESULT", 10, fields=[(0, 0, 2, 6, b"", 6, b"web")]))
bad_control("result-value-length", "result", "a value's length reaches behind the control part",
            frame("RESULT", 10, fields=sources, changes={"control value text": b"\x04\x00web"}))
bad_control("stream-search-cut-content", "stream", "the extension has content, and none belongs there",
            message("stream", extensions=[(1, b"\x01")]))
bad_control("stream-filter", "stream", "a critical extension that is not one of STREAM",
            message("stream", extensions=[(FILTER, b"a")]), error="unsupported")
bad_control("query-extension-critical", "query", "an unknown critical extension",
            message("query", extensions=[(0x8002, b"")]), error="unsupported")
bad_control("extension-twice", "ping", "a tag appears twice", frame("PING", 0, token=1, extensions=[(0x77, b"a"), (0x77, b"b")]))
bad_control("extensions-65", "ping", "more than 64 extensions",
            frame("PING", 0, token=1, extensions=[(tag, b"") for tag in range(100, 165)]))
bad_control("extension-length", "ping", "an extension's length reaches behind the control part",
            recheck(plain("ping"), join(plain("ping")[7:]) + b"\x77\x00\x02\x00a"))
bad_control("extension-critical", "append", "an unknown critical extension",
            message("append", extensions=[(0xFFFF, b"")]), error="unsupported")
bad_control("extension-critical-connection", "ping", "an unknown critical extension",
            frame("PING", 0, token=1, extensions=[(0xFFFF, b"")]), error="unsupported")
bad_control("error-expected-length", "error", "the batch number expected is not 8 bytes",
            message("error", extensions=[(1, bytes(7))]))
bad_control("error-stream-length", "error", "incarnation and head are cut short", message("error", extensions=[(3, bytes(15))]))

# Values in control parts
for name, of, reason, others in [
    ("hello-magic", "hello", "magic is not LOGS", dict(magic=b"LOGZ")),
    ("hello-versions", "hello", "minVersion is above maxVersion", dict(minVersion=2)),
    ("hello-version-0", "hello", "minVersion is 0", dict(minVersion=0)),
    ("hello-frame-limit", "hello", "frameLimit is below 2 MiB + 4,096", dict(frameLimit=2 * MIB + 4095)),
    ("hello-client-256", "hello", "client is longer than 255 bytes", dict(client=b"x" * 256)),
    ("hello-token-4097", "hello", "token is longer than 4,096 bytes", dict(token=b"x" * 4097)),
    ("welcome-version-0", "welcome", "version is 0", dict(version=0)),
    ("welcome-frame-limit", "welcome", "frameLimit is below 2 MiB + 4,096", dict(frameLimit=0)),
    ("error-text-1025", "error", "text is longer than 1,024 bytes", dict(text=b"x" * 1025)),
    ("append-number-0", "append", "number is 0", dict(number=0, floor=0)),
    ("append-number-64-bits", "append", "number is above 2^63 - 1", dict(number=2**63)),
    ("append-floor-0", "append", "floor is 0", dict(floor=0)),
    ("append-floor-above", "append", "floor is above number", dict(floor=4)),
    ("append-stream-empty", "append", "the stream's name is empty", dict(stream=b"")),
    ("append-stream-201", "append", "the stream's name is longer than 200 bytes", dict(stream=b"x" * 201)),
    ("append-stream-byte", "append", "a byte that no name may have", dict(stream=b"two words")),
    ("append-stream-utf8", "append", "a byte that no name may have", dict(stream="caf\u00e9".encode())),
    ("append-stream-part", "append", "an empty part of a name", dict(stream=b"docker//web")),
    ("append-stream-slash", "append", "an empty part at a name's end", dict(stream=b"docker/")),
    ("append-stream-server", "append", "names that begin with $ are the server's own", dict(stream=b"$status")),
    ("complete-number-0", "complete", "number is 0", dict(number=0, floor=0)),
    ("complete-stream", "complete", "an empty part at a name's start", dict(stream=b"/web")),
    ("complete-text-1025", "complete", "text is longer than 1,024 bytes", dict(text=b"x" * 1025)),
    ("ack-appends-0", "ack", "appends is 0", dict(appends=0)),
    ("ack-count", "ack", "count is below appends: every batch has an entry", dict(count=1)),
    ("ack-first-0", "ack", "firstSequence is 0", dict(firstSequence=0)),
    ("ack-ids", "ack", "the ids of the run are above 32 bits", dict(appends=2**32 - 4, count=2**33)),
    ("ack-last", "ack", "the last number is above 2^63 - 1", dict(count=2**63 - 1)),
    ("follow-start-5", "follow", "unknown start", dict(start=5)),
    ("follow-flags", "follow", "flags bit 5 must be zero", dict(followFlags=0x20)),
    ("follow-no-selector", "follow", "selectorCount is 0", dict(selectors=[])),
    ("follow-1025-selectors", "follow", "selectorCount is above 1,024", dict(selectors=[(0, b"a")] * 1025)),
    ("follow-selector-kind", "follow", "unknown kind of selector", dict(selectors=[(2, b"a")])),
    ("follow-selector-star", "follow", "a * in a selector that is no pattern", dict(selectors=[(0, b"a*")])),
    ("follow-pattern", "follow", "a byte that no pattern may have", dict(selectors=[(1, b"a[b]")])),
    ("follow-start-value", "follow", "startValue without a start that uses it", dict(startValue=1)),
    ("follow-end-sequence", "follow", "endSequence without its flag", dict(endSequence=1)),
    ("follow-end-time", "follow", "endTime without its flag", dict(endTime=1)),
    ("follow-limit", "follow", "limit without its flag", dict(limit=1)),
    ("follow-first-number-64-bits", "follow", "a first number above 2^63 - 1", dict(start=4, startValue=2**63)),
    ("follow-end-sequence-64-bits", "follow", "endSequence is above 2^63 - 1", dict(followFlags=0x04, endSequence=2**63)),
    ("follow-cursor-64-bits", "follow", "a cursor above 2^63 - 1", dict(cursors=[(STREAM, 1, 2**63)])),
    ("follow-server-name-202", "follow", "a name is longer than 200 bytes behind its $", dict(selectors=[(0, b"$" + b"n" * 201)])),
    ("follow-server-name-empty", "follow", "a name of $ alone", dict(selectors=[(0, b"$")])),
    ("follow-server-name-twice", "follow", "two $", dict(selectors=[(0, b"$$status")])),
    ("follow-pattern-201", "follow", "a pattern is longer than 200 bytes", dict(selectors=[(1, b"n" * 200 + b"*")])),
    ("follow-cursor-twice", "follow", "two cursors for one stream", dict(cursors=[(STREAM, 1, 1), (STREAM, 1, 2)])),
    ("follow-cursor-name", "follow", "a cursor for a pattern", dict(cursors=[(b"*", 1, 1)])),
    ("stream-name-empty", "stream", "the stream's name is empty", dict(stream=b"")),
    ("stream-head-64-bits", "stream", "head is above 2^63 - 1", dict(head=2**63)),
    ("stream-position-above-head", "stream", "position is above head + 1", dict(position=109)),
    ("batch-from-0", "batch", "from is 0", {"from": 0}),
    ("batch-from-above-to", "batch", "from is above to", {"from": 103}),
    ("batch-to-64-bits", "batch", "to is above 2^63 - 1", {"to": 2**63}),
    ("skip-to-64-bits", "skip", "to is above 2^63 - 1", {"to": 2**64 - 1}),
    ("skip-from-0", "skip", "from is 0", {"from": 0}),
    ("skip-from-above-to", "skip", "from is above to", {"to": 0}),
    ("heads-count-0", "heads", "count is 0", dict(heads=[])),
    ("heads-count-1001", "heads", "count is above 1,000", dict(heads=[(1, 1)] * 1001)),
    ("heads-head-64-bits", "heads", "head is above 2^63 - 1", dict(heads=[(1, 2**63)])),
    ("list-limit-0", "list", "limit is 0", dict(limit=0)),
    ("list-limit-1001", "list", "limit is above 1,000", dict(limit=1001)),
    ("listing-first-0", "listing", "the lowest number kept is 0", dict(streams=[{**row, "first": 0}])),
    ("listing-first-above-head", "listing", "first is above head + 1", dict(streams=[{**row, "first": 109}])),
    ("listing-head-64-bits", "listing", "head is above 2^63 - 1", dict(streams=[{**row, "head": 2**63}])),
    ("listing-order", "listing", "names do not ascend", dict(streams=[{**row, "stream": b"b"}, {**row, "stream": b"a"}])),
    ("query-kind-0", "query", "unknown kind", dict(kind=0, width=0)),
    ("query-kind-4", "query", "unknown kind", dict(kind=4, width=0)),
    ("query-width-0", "query", "width is 0", dict(width=0)),
    ("query-width-negative", "query", "width is negative", dict(width=-1)),
    ("query-width-count", "query", "width without a kind that uses it", dict(kind=1)),
    ("query-width-fields", "query", "width without a kind that uses it", dict(kind=3, valueCount=1)),
    ("query-values-0", "query", "valueCount is 0", dict(kind=3, width=0)),
    ("query-values-101", "query", "valueCount is above 100", dict(kind=3, width=0, valueCount=101)),
    ("query-values-count", "query", "valueCount without a kind that uses it", dict(kind=1, width=0, valueCount=1)),
    ("query-values-histogram", "query", "valueCount without a kind that uses it", dict(valueCount=1)),
    ("query-no-selector", "query", "selectorCount is 0", dict(selectors=[])),
    ("query-1025-selectors", "query", "selectorCount is above 1,024", dict(selectors=[(0, b"a")] * 1025)),
    ("query-selector-kind", "query", "unknown kind of selector", dict(selectors=[(2, b"a")])),
    ("query-selector-star", "query", "a * in a selector that is no pattern", dict(selectors=[(0, b"a*")])),
    ("query-pattern", "query", "a byte that no pattern may have", dict(selectors=[(1, b"a[b]")])),
    ("auth-token-4097", "auth", "the token is longer than 4,096 bytes", dict(token=b"t" * 4097)),
    ("challenge-text-1025", "challenge", "the text is longer than 1,024 bytes", dict(text=b"t" * 1025)),
    ("dictionary-hash", "dictionary", "dictionary is not the hash of the content", dict(dictionary=xxh3(DICTIONARY) ^ 1)),
    ("dictionary-0", "dictionary", "dictionary is 0", dict(dictionary=0)),
    ("dictionary-length", "dictionary", "contentLength is not that of the content", dict(contentLength=len(DICTIONARY) - 1)),
    ("dictionary-garbage", "dictionary", "the content is no zstd frame", dict(content=DICTIONARY)),
    ("dictionary-255", "dictionary", "the content is shorter than 256 bytes",
     dict(dictionary=xxh3(DICTIONARY[:255]), contentLength=255, content=zstandard.ZstdCompressor().compress(DICTIONARY[:255]))),
    ("dictionary-above-112-kib", "dictionary", "the content is longer than 112 KiB",
     dict(dictionary=xxh3(bytes(112 * 1024 + 1)), contentLength=112 * 1024 + 1, content=zstandard.ZstdCompressor().compress(bytes(112 * 1024 + 1)))),
    ("delete-flags", "delete", "flags bit 1 must be zero", dict(deleteFlags=2)),
    ("delete-from-0", "delete", "from is 0, to is not", {"from": 0}),
    ("delete-to-0", "delete", "to is 0, from is not", {"to": 0}),
    ("delete-from-above-to", "delete", "from is above to", {"from": 5_000}),
    ("delete-to-64-bits", "delete", "to is above 2^63 - 1", {"to": 2**63}),
    ("delete-stream-empty", "delete", "the stream's name is empty", dict(stream=b"")),
    ("delete-stream-pattern", "delete", "a pattern in the place of a name", dict(stream=b"docker/*")),
    ("delete-server-name-empty", "delete", "a name of $ alone", dict(stream=b"$")),
    ("deleted-from-0", "deleted", "from is 0, to is not", {"from": 0}),
    ("deleted-from-above-to", "deleted", "from is above to", {"from": 5_000}),
    ("deleted-to-64-bits", "deleted", "to is above 2^63 - 1", {"to": 2**63}),
    ("deleted-entries-0", "deleted", "a range without an entry", dict(entries=0)),
    ("deleted-entries-above", "deleted", "more entries than numbers in the range", dict(entries=4_001)),
    ("deleted-entries-none", "deleted", "entries without a range", {"from": 0, "to": 0}),
    ("result-span-twice", "result", "two spans of the same start", dict(spans=[(0,) * 8, (0,) * 8])),
    ("result-spans-descend", "result", "spans do not ascend", dict(spans=[(1,) * 8, (-1,) + (0,) * 7])),
    ("result-field-kind", "result", "unknown kind of field", dict(fields=[(3, 0, 0, 1, b"")])),
    ("result-value-1025", "result", "a value is longer than 1,024 bytes", dict(fields=[(0, 0, 1, 1, b"", 1, b"v" * 1025)])),
]:
    bad_control(name, of, reason, message(name=of, **others), step="values")
for name, reason, filter in [
    ("syntax", "a filter with a ( that is not closed", b"(a"), ("utf8", "a filter that is not UTF-8", b"a \xff"),
    ("level", "a filter for a level that there is none of", b"level:25"), ("time", "a filter with a time that is not absolute", b"time>=1h"),
    ("regex", "a filter whose regular expression does not compile", b"/(/"),
    ("long", "a filter longer than 16 KiB", b"x" * (16 * 1024 + 1)),
]:
    for of in ("follow", "query"):
        bad_control(f"{of}-filter-{name}", of, reason, message(of, extensions=[(FILTER, filter)]), step="values")
for name, reason, advice in [("goaway-advice-empty", "advice of 0 bytes", b""), ("goaway-advice-2-bytes", "advice of 2 bytes", b"\x01\x00")]:
    bad_control(name, "goaway", reason, message("goaway", extensions=[(1, advice)]))

# Batches, as in an APPEND --------------------------------------------------------------------------------------------


def good(name, about, *args, **more):
    valid("columns-" + name, about, batch(*args, **more), "batch")


def worse(name, reason, *args, **more):
    invalid("columns-" + name, reason, batch(*args, **more), "batch", "bad_batch", "batch")


def attributes(*entries, keys_encoding=5):
    """Columns 5 and 6 for one list of (key, value) an entry."""
    shapes = [keys([k for k, _ in e]) for e in entries]
    content = lengths(shapes) if keys_encoding == 5 else dictionary(shapes)
    return column(5, keys_encoding, content, "keys") + column(
        6, 5, lengths([b"".join(value(v) for _, v in e) for e in entries]), "values")


def nested(depth, leaf=("integer", 1)):
    for level in range(depth):
        leaf = ("list", [leaf]) if level % 2 else ("map", [(b"k", leaf)])
    return leaf


def t(*times):
    return column(1, 4, delta(times), "time")


EVERY = [(b"empty", ("empty", None)), (b"string", ("string", b"text")), (b"boolean", ("boolean", 1)), (b"integer", ("integer", -2)),
         (b"double", ("double", struct.pack("<d", 1.5))), (b"list", ("list", [("integer", 2**63 - 1), ("integer", -2**63), ("boolean", 0)])),
         (b"map", ("map", [(b"", ("empty", None)), (b"k", ("list", []))])), (b"bytes", ("bytes", b"\0\xff"))]
BIG = [b"x" * MIB] * 3 + [b"y" * (MIB - 8 - 16)]  # with the column's header and four lengths: 4 MiB exactly
BIG[3] += b"y" * (4 * MIB - len(join(text(*BIG))))
assert len(join(text(*BIG))) == 4 * MIB

good("none", "no column at all: two entries with every default", 2)
good("plain", "times, severities, sources and messages, not compressed", 3, t(TIME, TIME + 1, TIME - 1)
     + column(2, 1, bytes([9, 17, 0]), "severity") + column(3, 6, dictionary([b"web", b"db", b"web"]), "source")
     + text(b"GET /", b"", b"caf\xc3\xa9 \xff"), times=[TIME, TIME + 1, TIME - 1], severities=[9, 17, 0])
good("zstd", "the same kind of entries, compressed", 40, t(*[TIME + i for i in range(40)]) + text(*[b"line %d" % i for i in range(40)]),
     codec=1, times=[TIME + i for i in range(40)])
good("constants", "a constant of every known column", 3, column(1, 7, b"\4" + zigzag(TIME), "time") + column(2, 7, b"\1\x18", "severity")
     + column(3, 7, b"\5\3web", "source") + column(4, 7, b"\5\2hi", "message") + column(5, 7, b"\5\2\1k", "keys")
     + column(6, 7, b"\5\3\1\1v", "values") + column(7, 7, b"\1\1", "kind"), times=[TIME] * 3, severities=[24] * 3)
good("sources-lengths", "source as lengths, one of 255 bytes, one empty", 2, column(3, 5, lengths([b"s" * 255, b""]), "source"))
good("sources-dictionary-repeats", "a dictionary whose values repeat and go unused is allowed", 3,
     column(3, 6, b"\3\1\1\1aab\2\0\2", "source"))
good("times-extremes", "differences wrap in 64 bits; times before 1970", 4, t(2**63 - 1, -2**63, -1, 1), times=[2**63 - 1, -2**63, -1, 1])
good("times-untimed", "some entries have no time: flag untimed, minTime and maxTime over the others", 3, t(0, TIME, 0), times=[0, TIME, 0])
good("kinds", "kinds log and status", 2, column(7, 1, b"\0\1", "kind"))
good("severities-all", "every severity", 25, column(2, 1, bytes(range(25)), "severity"), severities=range(25))
good("unknown-ids", "unknown and reserved columns in every encoding; kept, checked, passed over", 2,
     column(9, 1, b"ab", "bytes") + column(16, 4, delta([5, 3]), "observed time, delta")
     + column(18, 3, bytes(range(32)), "trace id, fixed16") + column(19, 2, bytes(range(16)), "span id, fixed8")
     + column(21, 6, dictionary([b"e", b"f"]), "event name, dictionary") + column(22, 5, lengths([b"", b"scope"]), "scope, lengths")
     + column(1000, 7, b"\3" + bytes(16), "constant fixed16") + column(1001, 7, b"\2" + bytes(8), "constant fixed8")
     + column(1002, 7, b"\5\0", "constant lengths") + column(65535, 7, b"\4\1", "constant delta"))
good("attributes-every-type", "every type of value", 1, attributes(EVERY))
good("attributes-shapes", "two shapes, keys as a dictionary; an entry without attributes; values in the keys' order", 4,
     attributes(EVERY[:2], [], EVERY[3:5], EVERY[:2], keys_encoding=6))
good("attributes-deep", "lists and maps nested 8 deep", 1, attributes([(b"k", nested(8))]))
good("attributes-256-values", "256 values in an entry, the list among them", 1, attributes([(b"k", ("list", [("empty", None)] * 255))]))
good("attributes-key-255", "the longest keys: 255 bytes", 1, attributes([(b"k" * 255, ("map", [(b"m" * 255, ("empty", None))]))]))
good("attributes-64-kib", "an entry's two rows are 64 KiB together", 1,
     attributes([(b"k", ("bytes", b"x" * (65536 - 2 - 4)))]), codec=1)
good("attributes-double-bits", "doubles are bits: a NaN with a payload, minus zero, infinity", 1, attributes(
    [(b"nan", ("double", bytes.fromhex("010000000000f87f"))), (b"zero", ("double", bytes.fromhex("0000000000000080"))),
     (b"infinity", ("double", bytes.fromhex("000000000000f07f")))]))
good("truncated", "a message that was cut by its producer", 1,
     column(4, 5, lengths([b"x" * MIB]), "message") + attributes([(b"logs.truncated", ("integer", 5_000_000))]), codec=1)
good("65536-entries", "the largest count", 65536, column(4, 7, b"\5\1x", "message"))
good("raw-4-mib", "rawLength is 4 MiB exactly", 4, text(*BIG), codec=1)
good("zstd-no-content-size", "a zstd frame that does not say how long its content is, with a checksum", 1, text(b"x" * 300), codec=1,
     payload=zstandard.ZstdCompressor(write_content_size=False, write_checksum=True).compress(join(text(b"x" * 300))))
good("zstd-window-4-mib", "a zstd frame that asks for the largest window", 1, text(b"x" * 300), codec=1,
     payload=plain_zstd(join(text(b"x" * 300)), 12 << 3))
good("zstd-single-segment-4-mib", "a zstd frame without a window of its own: the window is the content, 4 MiB", 4, text(*BIG), codec=1,
     payload=zstandard.ZstdCompressor(compression_params=zstandard.ZstdCompressionParameters.from_level(
         1, window_log=22, source_size=4 * MIB)).compress(join(text(*BIG))))
good("zstd-dictionary-id-0", "a zstd frame that says 0 for its dictionary, which is none", 1, text(b"a"), codec=1,
     payload=plain_zstd(join(text(b"a")), 0, b"\0", bits=1))
good("zstd-unused-bit", "a zstd frame whose unused bit is set, which means nothing", 1, text(b"a"), codec=1,
     payload=plain_zstd(join(text(b"a")), 0, bits=0x10))
good("zstd-larger", "compression made the payload larger, which is allowed", 1, text(b"a"), codec=1)
good("64-columns", "the most columns", 1, [p for i in range(64) for p in column(100 + i, 1, b"x", str(i))])
good("flags-ignored", "header flags 8 to 15 are ignored", 1, text(b"a"), changes=dict(flags=0xFF04))

A = dict(n=1, columns=text(b"a"))
for name, reason, changes in [
    ("check", "check is wrong", dict(check=1)), ("format-0", "unknown format", dict(format=0)),
    ("format-2", "unknown format", dict(format=2)), ("codec-3", "unknown codec", dict(codec=3)),
    ("flag-3", "unknown flag", dict(flags=0x0C)), ("flag-7", "unknown flag", dict(flags=0x84)),
    ("flag-sparse", "sparse in an APPEND", dict(flags=5)), ("flag-re-encoded", "re-encoded in an APPEND", dict(flags=6)),
    ("count-0", "count is 0", dict(count=0)), ("raw-above-4-mib", "rawLength is above 4 MiB", dict(rawLength=4 * MIB + 1)),
    ("raw-not-stored", "rawLength is not storedLength without compression", dict(rawLength=9)),
    ("stored-above-2-mib", "header and payload are above 2 MiB", dict(storedLength=2 * MIB - 87, rawLength=2 * MIB - 87)),
    ("stored-long", "storedLength reaches behind the payload", dict(storedLength=11, rawLength=11)),
    ("stored-short", "storedLength ends before the payload", dict(storedLength=9, rawLength=9)),
    ("dictionary-without-codec-2", "dictionary without codec 2", dict(dictionary=1)),
    ("codec-2", "a dictionary batch, where the feature was not announced", dict(codec=2, dictionary=1)),
    ("zero-76", "zero bytes at offset 76 are not zero", {"zero@76": b"\0\0\0\1"}),
    ("zero-28", "zero bytes at offset 28 are not zero", {"zero@28": b"\1\0\0\0"}),
    ("server-check-set", "the server's part is not zero: serverCheck", dict(serverCheck=1)),
    ("first-set", "the server's part is not zero: firstSequence", dict(firstSequence=1)),
    ("received-set", "the server's part is not zero: received", dict(received=1)),
    ("span-set", "the server's part is not zero: span", dict(span=1)),
    ("untimed-missing", "an entry has no time, and untimed is not set", dict(flags=0)),
    ("min-of-nothing", "minTime where no entry has a time", dict(minTime=1)),
    ("mask-empty", "severities lack severity 0", dict(severities=0)),
    ("mask-above-24", "severities have bit 25", dict(severities=1 | 1 << 25)),
]:
    worse(name, reason, **A, changes=changes)
worse("count-65537", "count is above 65,536", 65537, column(4, 7, b"\5\1x", "message"))
invalid("columns-header-short", "87 bytes are no batch", batch(**A)[:-6] and [("header", join(batch(**A))[:87])], "batch", "bad_batch", "batch")
TWO = dict(n=2, times=[TIME, TIME + 5])
worse("min-low", "minTime is below the earliest time", columns=t(TIME, TIME + 5), **TWO, changes=dict(minTime=TIME - 1))
worse("max-low", "maxTime is below the latest time", columns=t(TIME, TIME + 5), **TWO, changes=dict(maxTime=TIME))
worse("untimed-wrong", "untimed is set, and every entry has a time", columns=t(TIME, TIME + 5), **TWO, changes=dict(flags=4))
worse("mask-wrong", "severities name one that no entry has", 1, column(2, 1, b"\x09", "severity"), severities=[9, 17])
worse("mask-lacks", "severities lack one that an entry has", 2, column(2, 1, b"\x09\x11", "severity"), severities=[9])
worse("severity-25", "severity is above 24", 1, column(2, 1, b"\x19", "severity"), severities=[25])
worse("severity-constant-25", "severity is above 24", 1, column(2, 7, b"\1\x19", "severity"), severities=[25])
worse("kind-2", "kind complete in an APPEND", 1, column(7, 1, b"\2", "kind"))
worse("kind-3", "a kind that clients may not send", 1, column(7, 7, b"\1\3", "kind"))
worse("id-0", "0 is no column's id", 1, column(0, 1, b"x", "none"))
worse("ids-descend", "column ids do not ascend", 1, text(b"a") + column(2, 1, b"\0", "severity"))
worse("id-twice", "a column twice", 1, text(b"a") + text(b"a"))
worse("65-columns", "more than 64 columns", 1, [p for i in range(COLUMNS_MAX + 1) for p in column(100 + i, 1, b"x", str(i))])
worse("column-zero", "the zero byte of a column is not zero", 1, column(4, 5, lengths([b"a"]), "message", dict(zero=1)))
worse("column-length-long", "a column's length reaches behind the payload", 1, column(4, 5, lengths([b"a"]), "message", dict(length=3)))
worse("column-length-4-gib", "a column's length is 2^32 - 1", 1, column(4, 5, lengths([b"a"]), "message", dict(length=2**32 - 1)))
worse("column-length-short", "bytes behind the last column", 1, column(4, 5, lengths([b"a"]), "message", dict(length=1)))
worse("column-header-short", "a column's header is cut short", 1, text(b"a") + [("cut", b"\5\0\5")])
worse("offsets", "sequence offsets in an APPEND", 1, column(8, 4, b"\0", "offsets"))
for encoding in (0, 8, 255):
    worse(f"encoding-{encoding}", "unknown encoding, in an unknown column too", 1, column(100, encoding, b"x", "unknown"))
worse("encoding-time-fixed8", "time may not be fixed8", 1, column(1, 2, bytes(8), "time"))
worse("encoding-message-dictionary", "message may not be a dictionary", 1, column(4, 6, dictionary([b"a"]), "message"))
worse("encoding-severity-delta", "severity may not be delta", 1, column(2, 4, b"\0", "severity"))
worse("constant-encoding-0", "a constant of an unknown encoding", 1, column(100, 7, b"\0", "constant"))
worse("constant-of-dictionary", "a constant may not hold a dictionary", 1, column(100, 7, b"\6\1\1a\0", "constant"))
worse("constant-of-constant", "a constant may not hold a constant", 1, column(100, 7, b"\7\1a", "constant"))
worse("constant-of-wrong-encoding", "time as a constant of lengths", 1, column(1, 7, b"\5\0", "time"))
worse("constant-empty", "a constant without content", 1, column(100, 7, b"", "constant"))
worse("constant-long", "a constant with a second row", 2, column(100, 7, b"\1ab", "constant"))
worse("constant-short", "a constant that is cut short", 1, column(100, 7, b"\3" + bytes(15), "constant"))
worse("bytes-short", "a bytes column with a row too few", 2, column(2, 1, b"\0", "severity"))
worse("bytes-long", "a bytes column with a row too many", 1, column(2, 1, b"\0\0", "severity"))
worse("fixed8-short", "a fixed8 column that is cut short", 2, column(100, 2, bytes(15), "fixed8"))
worse("fixed16-long", "a fixed16 column with a byte too many", 1, column(100, 3, bytes(17), "fixed16"))
worse("delta-short", "a delta column with a row too few", 2, t(TIME), times=[TIME, TIME])
worse("delta-long", "a delta column with a row too many", 1, t(TIME, TIME), times=[TIME])
worse("delta-cut", "a delta column that ends inside a varint", 1, column(1, 4, b"\x80", "time"))
worse("varint-not-shortest", "0 written in two bytes", 1, column(1, 4, b"\x80\x00", "time"))
worse("varint-length-not-shortest", "a length of 1 written in three bytes", 1, column(4, 5, b"\x81\x80\x00a", "message"))
worse("varint-11-bytes", "a varint of 11 bytes", 1, column(100, 4, b"\xff" * 10 + b"\x01", "delta"))
worse("varint-65-bits", "a varint above 64 bits", 1, column(100, 4, b"\xff" * 9 + b"\x02", "delta"))
worse("lengths-short", "lengths with a row too few", 2, column(4, 5, b"\1a", "message"))
worse("lengths-sum-long", "lengths add up to more than the run", 1, column(4, 5, b"\2a", "message"))
worse("lengths-sum-short", "lengths add up to less than the run", 1, column(4, 5, b"\1ab", "message"))
worse("lengths-huge", "a length of 2^64 - 1", 1, column(4, 5, varint(2**64 - 1) + b"a", "message"))
worse("lengths-overflow", "two lengths whose sum wraps to the run's", 2, column(4, 5, varint(2**64 - 1) + varint(2) + b"a", "message"))
worse("dictionary-empty", "a dictionary without a value", 1, column(3, 6, b"\0\0", "source"))
worse("dictionary-above-count", "a dictionary of more values than entries", 1, column(3, 6, b"\2\1\1ab\0", "source"))
worse("dictionary-huge", "a dictionary of 2^64 - 1 values", 1, column(3, 6, varint(2**64 - 1), "source"))
worse("dictionary-index", "dictionary index out of range", 2, column(3, 6, b"\1\1a\0\1", "source"))
worse("dictionary-index-short", "an index too few", 2, column(3, 6, b"\1\1a\0", "source"))
worse("dictionary-index-long", "an index too many", 1, column(3, 6, b"\1\1a\0\0", "source"))
worse("source-256", "source is longer than 255 bytes", 1, column(3, 5, lengths([b"s" * 256]), "source"))
worse("source-constant-256", "source is longer than 255 bytes", 1, column(3, 7, b"\5" + lengths([b"s" * 256]), "source"))
worse("message-above-1-mib", "message is longer than 1 MiB", 1, text(b"x" * (MIB + 1)), codec=1)
worse("raw-content-above-4-mib", "content is above 4 MiB, and rawLength says so", 5, text(*BIG, b"z"), codec=1)
SHARED = b"\5" + lengths([b"x" * (MIB // 16)])
good("expands-to-64-mib", "the most that entries may expand to: one message for all of them", 1024, column(4, 7, SHARED, "message"), codec=1)
worse("expands-above-64-mib", "messages expand to more than 64 MiB", 1025, column(4, 7, SHARED, "message"), codec=1)
worse("expands-by-attributes", "sources and attribute keys expand to more than 64 MiB", 65536,
      column(3, 7, b"\5" + lengths([b"s" * 255]), "source") + column(5, 7, b"\5" + lengths([b"".join(lengths([b"%03d" % i * 80]) for i in range(4))]), "attribute keys")
      + column(6, 7, b"\5" + lengths([b"\0" * 4]), "attribute values"), codec=1)
RAW = join(text(b"x" * 300))
for name, reason, raw, stored in [
    ("zstd-raw-small", "rawLength is smaller than the content", 100, RAW), ("zstd-raw-one-less", "rawLength is one below the content", len(RAW) - 1, RAW),
    ("zstd-raw-large", "rawLength is larger than the content", 4 * MIB, RAW),
    ("zstd-bomb", "64 MiB of content behind a rawLength of 311", len(RAW), RAW + bytes(64 * MIB)),
    ("zstd-bomb-raw-0", "64 MiB of content behind a rawLength of 0", 0, bytes(64 * MIB))]:
    for size in (True, False):
        worse(name + ("" if size else "-unsaid"), reason + ("" if size else ", and the zstd frame does not say how long it is"), 1, codec=1,
              payload=zstandard.ZstdCompressor(level=19, write_content_size=size).compress(stored), changes=dict(rawLength=raw))
SMALL = zstandard.ZstdCompressor().compress(RAW)
for name, reason, payload in [("zstd-cut", "the zstd frame is cut short", SMALL[:-1]), ("zstd-behind", "a byte behind the zstd frame", SMALL + b"\0"),
                              ("zstd-two-frames", "two zstd frames", zstandard.ZstdCompressor().compress(RAW[:9]) + zstandard.ZstdCompressor().compress(RAW[9:])),
                              ("zstd-skippable", "a skippable frame before the zstd frame", bytes.fromhex("502a4d1801000000ff") + SMALL),
                              ("zstd-garbage", "no zstd frame", RAW), ("zstd-empty", "no byte of a zstd frame", b""),
                              ("zstd-checksum", "the zstd frame's checksum is wrong",
                               zstandard.ZstdCompressor(write_checksum=True).compress(RAW)[:-1] + b"\x00")]:
    worse(name, reason, 1, codec=1, payload=payload, changes=dict(rawLength=len(RAW)))
for name, reason, payload in [
    ("window-above-4-mib", "the zstd frame asks for a window of 4.5 MiB", plain_zstd(RAW, 12 << 3 | 1)),
    ("window-2-gib", "the zstd frame asks for a window of 2 GiB", plain_zstd(RAW, 21 << 3)),
    ("window-4-gib", "the zstd frame asks for a window of 4 GiB", plain_zstd(RAW, 22 << 3)),
    ("window-largest", "the zstd frame asks for a window of 3.75 TiB", plain_zstd(RAW, 0xFF)),
    ("dictionary-id", "the zstd frame asks for a dictionary", plain_zstd(RAW, 0, b"\7", bits=1)),
    ("dictionary-id-32-bits", "the zstd frame asks for a dictionary", plain_zstd(RAW, 0, b"\0\0\0\1", bits=3)),
    ("reserved-bit", "the zstd frame's reserved bit is set", plain_zstd(RAW, 0, bits=0x08)),
    ("content-size-wrong", "the zstd frame says another size than it holds", plain_zstd(RAW, 0, struct.pack("<I", len(RAW) + 1), bits=0x80)),
    ("content-size-64-bits", "the zstd frame says that it holds 2^64 - 2 bytes", plain_zstd(RAW, 0, struct.pack("<Q", 2**64 - 2), bits=0xC0)),
    ("header-cut", "the zstd frame ends inside its header", plain_zstd(RAW, 0, bytes(8), bits=0xC0)[:9])]:
    worse("zstd-" + name, reason, 1, codec=1, payload=payload, changes=dict(rawLength=len(RAW)))

# Attributes
K = keys([b"k"])


def pair(name, reason, key_row, value_row):
    worse("attributes-" + name, reason, 1, column(5, 5, lengths([key_row]), "keys") + column(6, 5, lengths([value_row]), "values"), codec=1)


worse("attributes-keys-alone", "attribute keys without values", 1, column(5, 5, lengths([b""]), "keys"))
worse("attributes-values-alone", "attribute values without keys", 1, column(6, 5, lengths([b""]), "values"))
pair("key-twice", "a key twice", keys([b"k", b"k"]), b"\0\0")
pair("key-empty", "an attribute's key is empty", keys([b""]), b"\0")
pair("key-256", "an attribute's key is longer than 255 bytes", keys([b"k" * 256]), b"\0")
pair("key-cut", "a key's length reaches behind its row", b"\2k", b"\0")
pair("value-missing", "a value too few", keys([b"a", b"b"]), b"\0")
pair("value-more", "a value too many", K, b"\0\0")
pair("value-without-key", "a value, and no key", b"", b"\0")
pair("type-8", "unknown type of value", K, b"\x08")
pair("boolean-2", "a boolean is not 0 or 1", K, b"\2\2")
pair("string-cut", "a string's length reaches behind its row", K, b"\1\2a")
pair("double-cut", "a double of 7 bytes", K, b"\4" + bytes(7))
pair("integer-not-shortest", "an integer that is not in its shortest form", K, b"\3\x82\x00")
pair("depth-9", "lists and maps nested 9 deep", K, value(nested(9)))
pair("depth-9-lists", "lists nested 9 deep, the innermost empty", K, b"\5\1" * 8 + b"\5\0")
pair("depth-1000", "lists nested 1,000 deep", K, b"\5\1" * 1000 + b"\0")
pair("257-values", "257 values, the list among them", K, value(("list", [("empty", None)] * 256)))
pair("257-attributes", "257 values, each an attribute", keys([b"%d" % i for i in range(257)]), b"\0" * 257)
pair("list-count-huge", "a list of 2^64 - 1 values", K, b"\5" + varint(2**64 - 1))
pair("map-count", "a map with a pair too few", K, b"\6\2\1a\0")
pair("map-key-twice", "a key twice in a map", K, b"\6\2\1a\0\1a\0")
pair("map-key-256", "a map's key is longer than 255 bytes", K, value(("map", [(b"m" * 256, ("empty", None))])))
pair("above-64-kib", "an entry's two rows are above 64 KiB", K, value(("bytes", b"x" * (65536 - 2 - 4 + 1))))
worse("attributes-shape-key-twice", "a key twice in a shape of the dictionary", 2,
      column(5, 6, dictionary([keys([b"k", b"k"]), b""]), "keys") + column(6, 5, lengths([b"\0\0", b""]), "values"))

# Numbered batches ----------------------------------------------------------------------------------------------------

KIND = f"numbered-batch {NUMBERED}"
valid("numbered", "entries 101 and 102 of the stream web", numbered(101, b"one", b"two"), KIND)
valid("numbered-zstd", "the same kind, compressed", numbered(1, *[b"line %d" % i for i in range(40)], codec=1), KIND)
OFFSETS = dict(n=3, times=[], columns=text(b"a", b"b", b"c") + column(8, 4, delta([0, 4, 9]), "offsets"))
valid("numbered-sparse", "three entries out of ten, filtered and re-encoded by the server",
      batch(**OFFSETS, numbered=(STREAM, INCARNATION, 11, TIME, 10), changes=dict(flags=7)), KIND)
valid("numbered-sparse-last", "one entry out of four, the last; the range begins before it",
      batch(1, text(b"d") + column(8, 4, delta([3]), "offsets"), numbered=(STREAM, INCARNATION, 1, TIME, 4), changes=dict(flags=7)), KIND)
valid("numbered-complete", "the entry that seals a stream", batch(
    1, t(TIME) + text(b"done") + column(7, 1, b"\2", "kind"), times=[TIME], numbered=(STREAM, INCARNATION, 103, TIME)), KIND)
valid("numbered-kind-unknown", "a kind of a later version, which is read as log",
      batch(1, text(b"a") + column(7, 1, b"\x09", "kind"), numbered=(STREAM, INCARNATION, 1, TIME)), KIND)
MERGED = dict(n=3, times=[TIME - 9, TIME + 5, TIME + 8], severities=[9, 17, 9], columns=t(0, TIME + 5, 0) + column(2, 1, b"\x09\x11\x09", "severity")
              + text(b"a", b"b", b"c") + column(17, 4, delta([TIME - 9, TIME, TIME + 8]), "received"))
valid("numbered-merged", "a batch that the server has made of three: each entry says when it was received, which counts where it has no time",
      batch(**MERGED, numbered=(STREAM, INCARNATION, 11, TIME + 8), changes=dict(flags=0x106)), KIND)
valid("numbered-merged-sparse", "the first and the last entry of it, filtered",
      batch(2, t(0, 0) + text(b"a", b"c") + column(8, 4, delta([0, 2]), "offsets") + column(17, 4, delta([TIME - 9, TIME + 8]), "received"),
            times=[TIME - 9, TIME + 8], numbered=(STREAM, INCARNATION, 11, TIME + 8, 3), changes=dict(flags=0x107)), KIND)
valid("numbered-received-unsaid", "column 17 without flag 8 is one that nobody knows",
      batch(1, text(b"a") + column(17, 4, delta([5]), "unknown"), numbered=(STREAM, INCARNATION, 1, TIME)), KIND)
valid("numbered-last-number", "the last number that there is", batch(1, text(b"a"), numbered=(STREAM, INCARNATION, 2**63 - 1, TIME)), KIND)

PLACE = (STREAM, INCARNATION, 11, TIME)
LATER = [("format", "unknown format", dict(format=2)), ("codec-3", "unknown codec", dict(codec=3)), ("flag-3", "unknown flag", dict(flags=0x0C)),
         ("codec-2", "a dictionary batch, where the feature was not announced", dict(codec=2, dictionary=1))]
for name, reason, changes in LATER:
    invalid("numbered-" + name, reason, batch(**A, numbered=PLACE, changes=changes), "batch", "unsupported", KIND)
    invalid("numbered-" + name + "-damaged", reason + ", and check is wrong: it only looks like one", batch(
        **A, numbered=PLACE, changes={**changes, "check": 1}), "batch", "gap", KIND)
for name, reason, pieces in [
    ("server-check", "serverCheck is wrong", batch(**A, numbered=PLACE, changes=dict(serverCheck=1))),
    ("other-stream", "the batch is of another stream", batch(**A, numbered=(b"db",) + PLACE[1:])),
    ("other-incarnation", "the batch is of another incarnation", batch(**A, numbered=(STREAM, 1, 11, TIME))),
    ("check", "check is wrong", batch(**A, numbered=PLACE, changes=dict(check=1))),
    ("first-0", "firstSequence is 0", batch(**A, numbered=(STREAM, INCARNATION, 0, TIME))),
    ("past-last-number", "the last number is above 2^63 - 1",
     batch(2, text(b"a", b"b"), numbered=(STREAM, INCARNATION, 2**63 - 1, TIME))),
    ("wraps", "the last number needs more than 64 bits",
     batch(2, text(b"a", b"b"), numbered=(STREAM, INCARNATION, 2**64 - 1, TIME))),
    ("span", "span is not count, and the batch is not sparse", batch(**A, numbered=PLACE + (2,))),
    ("span-0", "span is 0", batch(**A, numbered=PLACE + (0,))),
    ("codec-2-no-dictionary", "a dictionary batch that names no dictionary", batch(**A, numbered=PLACE, changes=dict(codec=2))),
    ("times-descend", "minTime is above maxTime", batch(**A, numbered=PLACE, changes=dict(minTime=2, maxTime=1))),
    ("mask-empty", "severities names none", batch(**A, numbered=PLACE, changes=dict(severities=0))),
    ("mask-above-24", "severities have bit 25", batch(**A, numbered=PLACE, changes=dict(severities=1 | 1 << 25))),
    ("zero-28", "zero bytes at offset 28 are not zero", batch(**A, numbered=PLACE, changes={"zero@28": b"\1\0\0\0"})),
    ("sparse-span-small", "span is below count", batch(**OFFSETS, numbered=PLACE + (2,), changes=dict(flags=5))),
]:
    invalid("numbered-" + name, reason, pieces, "batch", "gap", KIND)
for name, reason, pieces in [
    ("sparse-no-offsets", "sparse without sequence offsets", batch(**A, numbered=PLACE + (2,), changes=dict(flags=5))),
    ("offsets-not-sparse", "sequence offsets in a batch that is not sparse",
     batch(1, text(b"a") + column(8, 4, b"\0", "offsets"), numbered=PLACE)),
    ("sparse-offset-beyond", "an offset is not below span", batch(**OFFSETS, numbered=PLACE + (9,), changes=dict(flags=5))),
    ("sparse-offsets-equal", "offsets do not ascend",
     batch(2, text(b"a", b"b") + column(8, 4, delta([1, 1]), "offsets"), numbered=PLACE + (9,), changes=dict(flags=5))),
    ("sparse-offset-negative", "an offset is negative",
     batch(2, text(b"a", b"b") + column(8, 4, delta([-1, 1]), "offsets"), numbered=PLACE + (9,), changes=dict(flags=5))),
    ("sparse-offsets-constant", "sequence offsets may not be a constant",
     batch(1, text(b"a") + column(8, 7, b"\4\0", "offsets"), numbered=PLACE + (9,), changes=dict(flags=5))),
    ("zstd-raw-small", "rawLength is smaller than the content", batch(1, codec=1, payload=SMALL, numbered=PLACE, changes=dict(rawLength=9))),
    ("severity-25", "severity is above 24", batch(1, column(2, 1, b"\x19", "severity"), numbered=PLACE)),
    ("merged-no-received", "flag 8 without times received", batch(**A, numbered=PLACE, changes=dict(flags=0x106))),
    ("merged-received-bytes", "times received are deltas",
     batch(1, text(b"a") + column(17, 1, b"\1", "received"), times=[1], numbered=PLACE, changes=dict(flags=0x106))),
]:
    invalid("numbered-" + name, reason, pieces, "batch", "bad_batch", KIND)

# Runs in BATCH frames ------------------------------------------------------------------------------------------------


def run(first, last, *batches):
    return frame("BATCH", 7, [p for b in batches for p in b], **{"handle": 1, "from": first, "to": last})


KIND = f"run {NUMBERED}"
ONE_TWO, THREE, SPARSE = numbered(1, b"one", b"two"), numbered(3, b"three", codec=1), batch(
    **OFFSETS, numbered=(STREAM, INCARNATION, 4, TIME, 10), changes=dict(flags=7))
valid("run", "a run of two batches, whole", run(1, 3, ONE_TWO, THREE), KIND)
valid("run-cut", "the first batch begins before from, and the last ends after to", run(2, 8, ONE_TWO, THREE, SPARSE), KIND)
for name, reason, pieces in [
    ("hole", "a batch is missing in the run", run(1, 13, ONE_TWO, SPARSE)),
    ("overlap", "a batch comes twice", run(1, 3, ONE_TWO, ONE_TWO, THREE)),
    ("descends", "the batches descend", run(1, 3, THREE, ONE_TWO)),
    ("from", "from is not in the first batch", run(3, 3, ONE_TWO, THREE)),
    ("from-before", "from lies before the first batch", run(2, 3, THREE)),
    ("to", "to lies behind the last batch", run(1, 4, ONE_TWO, THREE)),
    ("to-before", "to is not in the last batch", run(1, 2, ONE_TWO, THREE)),
    ("empty", "no batch in a BATCH frame", run(1, 1))]:
    invalid("run-" + name, reason, pieces, "cover", "gap", KIND)
for name, reason, pieces in [
    ("stream", "the second batch is of another stream",
     run(1, 3, ONE_TWO, batch(**lines(b"three"), numbered=(b"db", INCARNATION, 3, TIME)))),
    ("check", "the second batch's check is wrong", run(1, 3, ONE_TWO, numbered(3, b"three", changes=dict(check=1)))),
    ("trailing", "bytes behind the last batch", run(1, 2, ONE_TWO, [("more", bytes(10))])),
    ("short", "the last batch is cut short", run(1, 2, ONE_TWO[:-1]))]:
    invalid("run-" + name, reason, pieces, "batch", "gap", KIND)
invalid("run-format", "the second batch is of an unknown format", run(1, 3, ONE_TWO, numbered(3, b"three", changes=dict(format=2))),
        "batch", "unsupported", KIND)
invalid("run-severity-25", "an entry of the second batch has severity 25", run(1, 3, ONE_TWO, batch(
    1, column(2, 1, b"\x19", "severity"), numbered=(STREAM, INCARNATION, 3, TIME))), "batch", "bad_batch", KIND)

# A whole session -----------------------------------------------------------------------------------------------------

C, S = ">", "<"
FIRST, SECOND = batch(**lines(b"one", b"two")), batch(**lines(b"three"))
BAD = batch(1, column(2, 1, b"\x19", "severity"), severities=[25])
SEAL = batch(1, text(b"done") + column(7, 1, b"\2", "kind"), numbered=(STREAM, INCARNATION, 4, TIME + 6_000_000_000))
ONLY_ONE = batch(1, lines(b"one")["columns"] + column(8, 4, delta([0]), "offsets"), times=[TIME],
                 numbered=(STREAM, INCARNATION, 1, TIME + 5_000_000_000, 2), changes=dict(flags=3))
FOLLOWED = dict(handle=0, incarnation=INCARNATION, head=3, stream=STREAM)
ROW = dict(incarnation=INCARNATION, first=1, head=4, entries=4, bytes=468, lastReceived=TIME + 6_000_000_000, state=1, stream=STREAM)


def append(id, number, pieces):
    return frame("APPEND", id, pieces, producer=PRODUCER, number=number, floor=1, stream=STREAM)


session("append-and-follow", "one connection from HELLO to GOAWAY: appends, one sent again and one refused, two subscriptions, a seal, requests", [
    (C, message("hello", features=0)), (S, message("welcome")),
    (C, append(1, 1, FIRST)), (C, append(2, 2, SECOND)),
    (S, frame("ACK", 1, appends=2, incarnation=INCARNATION, firstSequence=1, count=3)),
    (C, frame("FOLLOW", 3, credit=200, start=2, startValue=2, selectors=[(0, STREAM)])),
    (S, frame("STREAM", 3, position=1, **FOLLOWED)), (S, frame("RESOLVED", 3, streams=1)),
    (S, frame("BATCH", 3, numbered(1, b"one", b"two") + numbered(3, b"three"), **{"handle": 0, "from": 2, "to": 3})),
    (S, frame("LIVE", 3)),
    (C, append(4, 2, SECOND)),
    (S, frame("ACK", 4, appends=1, ackFlags=1, incarnation=INCARNATION, firstSequence=3, count=1)),
    (C, append(5, 3, BAD)), (S, frame("ERROR", 5, code=20, text=b"severity 25 is above 24")),
    (C, frame("CREDIT", 3, total=1_000_000)),
    (C, frame("FOLLOW", 6, credit=0, start=1, selectors=[(1, b"w*")])),
    (S, frame("STREAM", 6, position=3, **FOLLOWED)), (S, frame("RESOLVED", 6, streams=1)), (S, frame("LIVE", 6)),
    (C, frame("CANCEL", 6)), (S, frame("END", 6, reason=4)),
    (S, frame("PING", token=0)), (C, frame("PONG", token=0)),
    (C, frame("COMPLETE", 7, producer=PRODUCER, number=3, floor=3, stream=STREAM, text=b"done")),
    (S, frame("ACK", 7, appends=1, incarnation=INCARNATION, firstSequence=4, count=1)),
    (S, frame("BATCH", 3, SEAL, **{"handle": 0, "from": 4, "to": 4})), (S, frame("END", 3, reason=1)),
    (C, frame("LIST", 8, limit=10)), (S, frame("LISTING", 8, streams=[ROW])),
    (C, frame("STAT", 9)), (S, frame("STATUS", 9, facts=[(b"version", 1, b"1.0"), (b"streams", 0, 1)])),
    (S, message("goaway"))])

session("turned-away", "a client that is not welcome, and that has asked for something before it knew", [
    (C, message("hello", features=0)), (C, frame("STAT", 1)),
    (S, frame("ERROR", code=5, text=b"the token is wrong"))])

BY_MINUTE = dict(kind=2, width=60_000_000_000, selectors=[(0, STREAM)])
session("queries", "queries that are answered, refused and cancelled, and a subscription with a filter", [
    (C, message("hello", features=0)), (S, message("welcome")),
    (C, append(1, 1, FIRST)), (S, frame("ACK", 1, appends=1, incarnation=INCARNATION, firstSequence=1, count=2)),
    (C, frame("QUERY", 2, kind=1, selectors=[(1, b"w*")], extensions=[(FILTER, b"two")])), (S, frame("RESULT", 2, entries=1)),
    (C, frame("QUERY", 3, **BY_MINUTE)), (S, frame("PROGRESS", 3, entries=0, all=2)), (S, frame("PROGRESS", 3, entries=2, all=2, bytes=124, time=TIME)),
    (S, frame("RESULT", 3, entries=2, spans=[(TIME, 2) + (0,) * 6])),
    (C, frame("QUERY", 4, kind=3, valueCount=10, selectors=[(0, b"db")])), (S, frame("RESULT", 4)),
    (C, frame("QUERY", 5, **BY_MINUTE)), (C, frame("QUERY", 6, kind=1, selectors=[(0, STREAM)])),
    (S, frame("PROGRESS", 5, entries=0, all=2)), (C, frame("CANCEL", 5)), (S, frame("RESULT", 6, entries=2)),
    (S, frame("END", 5, reason=4)),
    (C, frame("FOLLOW", 7, credit=1_000_000, start=2, startValue=1, followFlags=0x02, selectors=[(0, STREAM)],
              extensions=[(FILTER, b"one")])),
    (S, frame("STREAM", 7, position=0, **{**FOLLOWED, "head": 2})), (S, frame("RESOLVED", 7, streams=1)),
    (S, frame("BATCH", 7, ONLY_ONE, **{"handle": 0, "from": 1, "to": 2})), (S, frame("END", 7, reason=3)),
    (C, frame("QUERY", 8, kind=1, selectors=[(1, b"**")], extensions=[(FILTER, b"/(a+)+$/")])),
    (S, frame("ERROR", 8, code=43, text=b"the expression takes too many steps")),
    (S, message("goaway"))])

session("renewals", "a client that is asked for another token, shows a wrong one and then the right one, and goes on", [
    (C, message("hello", features=4)), (S, message("welcome", features=6)),
    (C, append(1, 1, FIRST)), (S, frame("ACK", 1, appends=1, incarnation=INCARNATION, firstSequence=1, count=2)),
    (S, message("challenge")),
    (C, frame("AUTH", 2, token=b"wrong")), (S, frame("ERROR", 2, code=5, text=b"the token is wrong")),
    (C, frame("AUTH", 3, token=b"n3w")), (C, append(4, 2, SECOND)), (S, frame("AUTHORIZED", 3)),
    (S, frame("ACK", 4, appends=1, incarnation=INCARNATION, firstSequence=3, count=1)),
    (S, message("goaway"))])

session("dictionaries", "a client that reads batches with dictionaries gets two, of which it needs the first again", [
    (C, message("hello", features=1)), (S, message("welcome")),
    (C, frame("FOLLOW", 1, credit=1_000_000, start=0, followFlags=0x02, selectors=[(0, STREAM)])),
    (S, frame("STREAM", 1, position=0, **{**FOLLOWED, "head": 4})), (S, frame("RESOLVED", 1, streams=1)),
    (S, message("dictionary")),
    (S, frame("BATCH", 1, with_dictionary(1, b"GET /static/image-3.png answered 200 in 21 ms"), **{"handle": 0, "from": 1, "to": 1})),
    (S, message("dictionary", dictionary=xxh3(TRAINED), contentLength=len(TRAINED), content=zstandard.ZstdCompressor(level=19).compress(TRAINED))),
    (S, frame("BATCH", 1, with_dictionary(2, b"GET /4/11 answered 200 in 40 ms", dictionary=TRAINED), **{"handle": 0, "from": 2, "to": 2})),
    (S, frame("BATCH", 1, numbered(3, b"three") + with_dictionary(4, b"GET /static/image-5.png answered 200 in 35 ms"),
              **{"handle": 0, "from": 3, "to": 4})),
    (S, frame("END", 1, reason=3)), (S, message("goaway"))])

session("wrong-answer", "an AUTHORIZED with another id than that of AUTH, with which the client ends the connection", [
    (C, message("hello", features=4)), (S, message("welcome", features=6)), (S, message("challenge")),
    (C, frame("AUTH", 1, token=b"n3w")), (S, frame("AUTHORIZED", 2)),
    (C, frame("ERROR", code=1, errorFlags=1, text=b"the server answered id 2, which is not open"))])

HELD = dict(deleteFlags=0, incarnation=INCARNATION, stream=STREAM)
session("deletions", "what would go, a range that is deleted, a stream that is, and deletions that are refused", [
    (C, message("hello", features=0)), (S, message("welcome")),
    (C, append(1, 1, FIRST)), (S, frame("ACK", 1, appends=1, incarnation=INCARNATION, firstSequence=1, count=2)),
    (C, frame("DELETE", 2, **{"deleteFlags": 1, "incarnation": 0, "from": 1, "to": 1, "stream": STREAM})),
    (S, frame("DELETED", 2, **{"incarnation": INCARNATION, "entries": 1, "bytes": 62, "from": 1, "to": 1})),
    (C, frame("DELETE", 3, **{**HELD, "from": 1, "to": 1})),
    (S, frame("DELETED", 3, **{"incarnation": INCARNATION, "entries": 1, "bytes": 62, "from": 1, "to": 1})),
    (C, frame("DELETE", 4, **{**HELD, "from": 1, "to": 1})), (C, frame("DELETE", 5, **HELD)),
    (S, frame("DELETED", 4, incarnation=INCARNATION)),
    (S, frame("DELETED", 5, **{"incarnation": INCARNATION, "entries": 1, "bytes": 62, "from": 2, "to": 2})),
    (C, frame("DELETE", 6, **HELD)), (S, frame("ERROR", 6, code=44, text=b"there is no stream 'web'")),
    (C, frame("APPEND", 7, SECOND, producer=PRODUCER, number=2, floor=2, stream=STREAM)),
    (S, frame("ACK", 7, appends=1, incarnation=INCARNATION + 1, firstSequence=1, count=1)),
    (C, frame("DELETE", 8, **HELD)),
    (S, frame("ERROR", 8, code=40, text=b"another incarnation", extensions=[(3, struct.pack("<QQ", INCARNATION + 1, 1) + STREAM)])),
    (C, frame("DELETE", 9, **{**HELD, "stream": b"$audit"})), (S, frame("ERROR", 9, code=6, text=b"the server's own streams stay")),
    (S, message("goaway"))])

print(f"{len(NAMES)} vectors")
