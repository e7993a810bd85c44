#!/usr/bin/python3
"""Reference decoder of the wire format, version 1, in the order of wire.md. Slow, strict, and written from the text alone.

    decoder.py FILE.hex...    prints each vector in a stable form that people can read; exit code 1 when one is refused

What breaks a rule raises Refused: `step` says where (header, check, control, values, batch, cover), `error` which code answers it.
"""
import io
import struct
import sys

import xxhash
import zstandard

from filter_grammar import BadFilter, parse

KIB, MIB = 1024, 1024 * 1024
HANDSHAKE_BODY_MAX, CONTROL_MAX, FRAME_LIMIT_MIN = 8 * KIB, MIB, 2 * MIB + 4096
BATCH_MAX, RAW_MAX, ENTRIES_MAX, MESSAGE_MAX, COLUMNS_MAX, EXPANDED_MAX = 2 * MIB, 4 * MIB, 65536, MIB, 64, 64 * MIB
WINDOW_MAX, EXTENSIONS_MAX = 4 * MIB, 64
VALUES_MAX, DEPTH_MAX, ATTRIBUTES_MAX = 256, 8, 64 * KIB
DICTIONARY_MIN, DICTIONARY_MAX, DICTIONARIES_MAX = 256, 112 * KIB, 16
FIELD_VALUES_MAX, FIELD_TEXT_MAX, FILTER = 100, 1024, 0x8001
NUMBER_MAX = 2**63 - 1  # of sequence numbers and batch numbers


class Refused(Exception):
    def __init__(self, step, reason, error="protocol_violation"):
        super().__init__(f"{step}: {reason} ({error})")
        self.step, self.reason, self.error = step, reason, error


def xxh3(data, seed=0):
    return xxhash.xxh3_64_intdigest(bytes(data), seed)


class Reader:
    """Takes fields from the front of some bytes. Every failure is a Refused with the given step and error."""

    def __init__(self, data, step, error):
        self.data, self.at, self.step, self.error = bytes(data), 0, step, error

    def refuse(self, reason, error=None):
        raise Refused(self.step, f"{reason}, at byte {self.at}", error or self.error)

    def left(self):
        return len(self.data) - self.at

    def take(self, count):
        if count > self.left():
            self.refuse(f"{count} bytes wanted, {self.left()} left")
        self.at += count
        return self.data[self.at - count:self.at]

    def number(self, form):
        return struct.unpack("<" + form, self.take(struct.calcsize(form)))[0]

    def u8(self): return self.number("B")
    def u16(self): return self.number("H")
    def u32(self): return self.number("I")
    def u64(self): return self.number("Q")
    def i64(self): return self.number("q")
    def name(self): return self.take(self.u8())
    def text(self): return self.take(self.u16())
    def blob(self): return self.take(self.u32())

    def zero(self, count):
        if any(self.take(count)):
            self.refuse("a byte that must be zero is not")

    def varint(self):
        value, first = 0, self.at
        for shift in range(0, 70, 7):
            byte = self.u8()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if byte == 0 and shift > 0:
                    self.refuse("varint is not in its shortest form")
                if value >= 1 << 64:
                    self.refuse("varint is larger than 64 bits")
                return value
        self.at = first
        self.refuse("varint is longer than 10 bytes")

    def zigzag(self):
        value = self.varint()
        return value >> 1 ^ -(value & 1)

    def end(self):
        if self.left():
            self.refuse(f"{self.left()} bytes too many")


# 1. Frame ------------------------------------------------------------------------------------------------------------

class Header:
    def __init__(self, data, limit):
        """The first 20 bytes of a frame. `limit` is the largest bodyLength that the receiver announced."""
        r = Reader(data, "header", "protocol_violation")
        self.bytes = r.take(20)
        self.body_length, self.type, self.flags, self.header_check, self.id, self.control_length, self.check = \
            struct.unpack("<IBBHIII", self.bytes)
        if xxh3(self.bytes[:6] + b"\0\0" + self.bytes[8:16]) & 0xFFFF != self.header_check:
            r.refuse("headerCheck is wrong")
        if self.body_length > limit:
            r.refuse("bodyLength is above the limit", "frame_too_large")
        if self.flags & 0x0F:
            r.refuse("flags 0 to 3 must be zero")
        if self.control_length > min(self.body_length, CONTROL_MAX):
            r.refuse("controlLength is above bodyLength or 1 MiB")
        if self.type not in TYPES and self.type < 128:
            r.refuse("unknown type", "unsupported")
        if self.type in TYPES and TYPES[self.type] not in ("APPEND", "BATCH") and self.control_length != self.body_length:
            r.refuse("only APPEND and BATCH have a batch part")


def decode_frame(data, limit):
    header = Header(data[:20], limit)
    if len(data) != 20 + header.body_length:
        raise Refused("header", "bodyLength is not the length of the body that follows")
    return decode_body(header, data[20:])


def decode_body(header, body):
    """The message in a frame: its fields by name, with type, id, flags, extensions and the batch part's bytes."""
    control = body[:header.control_length]
    if xxh3(control, xxh3(header.bytes[:16])) & 0xFFFFFFFF != header.check:
        raise Refused("check", "check is wrong")
    if header.type not in TYPES:
        message = {"type": None, "number": header.type, "id": header.id, "flags": header.flags, "control": control}
    else:
        if (TYPES[header.type] in OF_CONNECTION) if header.id else (TYPES[header.type] in REQUESTS):
            raise Refused("id", "an id other than 0 on what concerns the connection, or id 0 in a request")
        message = {"type": TYPES[header.type], "id": header.id, "flags": header.flags}
        message.update(decode_control(TYPES[header.type], control, header.id))
    message["batch"] = body[header.control_length:]
    return message


# 2. Control part and extensions --------------------------------------------------------------------------------------

def decode_control(type, control, id):
    error = "bad_request" if type in REQUESTS else "protocol_violation"
    r = Reader(control, "control", error)
    message = {}
    for field, form in FIELDS[type]:
        if form.startswith("zero"):
            r.zero(int(form[4:]))
        elif form.startswith("bytes"):
            message[field] = r.take(int(form[5:]))
        elif form in LISTS:
            message[field] = LISTS[form](r, message)
        else:
            message[field] = getattr(r, form)()
    message["extensions"] = decode_extensions(r, type)
    for broken, reason in rules(type, {"id": id, **message}):
        if broken:
            raise Refused("values", reason, error)
    return message


def decode_extensions(r, type):
    found = []
    while r.left():
        tag, data = r.u16(), r.text()
        if tag in (t for t, _ in found):
            r.refuse("a tag appears twice")
        if len(found) == EXTENSIONS_MAX:
            r.refuse("more than 64 extensions")
        if tag & 0x8000 and not (tag == FILTER and type in ("FOLLOW", "QUERY")):
            r.refuse("unknown critical extension", "unsupported")
        if type == "ERROR" and (tag == 1 and len(data) != 8 or tag == 2 and len(data) < 8 or tag == 3 and len(data) < 16):
            r.refuse("extension of a wrong length")
        if tag == 1 and (type == "GOAWAY" and len(data) != 1 or type == "STREAM" and data):
            r.refuse("extension of a wrong length")
        found.append((tag, data))
    return found


# 3. Types ------------------------------------------------------------------------------------------------------------

TYPES = {1: "HELLO", 2: "WELCOME", 3: "ERROR", 4: "PING", 5: "PONG", 6: "GOAWAY", 10: "APPEND", 11: "ACK", 12: "COMPLETE",
         20: "FOLLOW", 21: "STREAM", 22: "RESOLVED", 23: "BATCH", 24: "SKIP", 25: "LIVE", 26: "END", 27: "CREDIT",
         28: "CANCEL", 30: "LIST", 31: "LISTING", 32: "STAT", 33: "STATUS", 34: "QUERY", 35: "RESULT", 36: "PROGRESS",
         40: "AUTH", 41: "CHALLENGE", 43: "DICTIONARY", 44: "DELETE", 46: "DELETED", 47: "AUTHORIZED", 130: "HEADS"}
REQUESTS = ("APPEND", "COMPLETE", "FOLLOW", "LIST", "STAT", "QUERY", "AUTH", "DELETE")
OF_CONNECTION = ("HELLO", "WELCOME", "CHALLENGE", "DICTIONARY", "GOAWAY", "PING", "PONG")
# The requests that one answer ends, by that.
ANSWERED = {"LISTING": "LIST", "STATUS": "STAT", "RESULT": "QUERY", "DELETED": "DELETE", "AUTHORIZED": "AUTH"}

# 4. Messages ---------------------------------------------------------------------------------------------------------

FIELDS = {
    "HELLO": [("magic", "bytes4"), ("minVersion", "u8"), ("maxVersion", "u8"), ("", "zero2"), ("features", "u64"),
              ("frameLimit", "u32"), ("", "zero4"), ("client", "text"), ("token", "text")],
    "WELCOME": [("version", "u8"), ("", "zero3"), ("frameLimit", "u32"), ("features", "u64"), ("server", "bytes16"),
                ("store", "bytes16"), ("heartbeat", "u32"), ("appendBytes", "u32"), ("appendBatches", "u32"),
                ("producerBatches", "u16"), ("subscriptions", "u16"), ("name", "text")],
    "ERROR": [("code", "u16"), ("errorFlags", "u8"), ("", "zero1"), ("retryAfter", "u32"), ("text", "text")],
    "PING": [("token", "u64")],
    "PONG": [("token", "u64")],
    "GOAWAY": [("retryAfter", "u32"), ("text", "text")],
    "APPEND": [("producer", "bytes16"), ("number", "u64"), ("floor", "u64"), ("stream", "name")],
    "ACK": [("appends", "u32"), ("ackFlags", "u8"), ("", "zero3"), ("incarnation", "u64"), ("firstSequence", "u64"),
            ("count", "u64")],
    "COMPLETE": [("producer", "bytes16"), ("number", "u64"), ("floor", "u64"), ("stream", "name"), ("text", "text")],
    "FOLLOW": [("credit", "u64"), ("start", "u8"), ("followFlags", "u8"), ("selectorCount", "u16"), ("cursorCount", "u32"),
               ("startValue", "u64"), ("endSequence", "u64"), ("endTime", "i64"), ("limit", "u64"),
               ("selectors", "selectors"), ("cursors", "cursors")],
    "STREAM": [("handle", "u32"), ("state", "u8"), ("", "zero3"), ("incarnation", "u64"), ("position", "u64"),
               ("head", "u64"), ("stream", "name")],
    "RESOLVED": [("streams", "u32")],
    "BATCH": [("handle", "u32"), ("", "zero4"), ("from", "u64"), ("to", "u64")],
    "SKIP": [("handle", "u32"), ("reason", "u8"), ("", "zero3"), ("from", "u64"), ("to", "u64")],
    "LIVE": [],
    "END": [("reason", "u8"), ("", "zero3")],
    "CREDIT": [("total", "u64")],
    "CANCEL": [],
    "LIST": [("limit", "u16"), ("", "zero2"), ("pattern", "name"), ("after", "name")],
    "LISTING": [("count", "u16"), ("listingFlags", "u8"), ("", "zero1"), ("streams", "streams")],
    "STAT": [],
    "STATUS": [("count", "u16"), ("facts", "facts")],
    "HEADS": [("count", "u16"), ("", "zero2"), ("heads", "heads")],
    "QUERY": [("kind", "u8"), ("", "zero1"), ("selectorCount", "u16"), ("valueCount", "u32"), ("width", "i64"),
              ("selectors", "selectors")],
    "PROGRESS": [("entries", "u64"), ("all", "u64"), ("bytes", "u64"), ("time", "i64")],
    "RESULT": [("resultFlags", "u8"), ("", "zero3"), ("spanCount", "u32"), ("fieldCount", "u32"), ("", "zero4"),
               ("entries", "u64"), ("missing", "u64"), ("spans", "spans"), ("fields", "summaries")],
    "AUTH": [("token", "text")],
    "AUTHORIZED": [],
    "CHALLENGE": [("grace", "u32"), ("text", "text")],
    "DICTIONARY": [("dictionary", "u64"), ("contentLength", "u32"), ("content", "blob")],
    "DELETE": [("deleteFlags", "u8"), ("", "zero7"), ("incarnation", "u64"), ("from", "u64"), ("to", "u64"), ("stream", "name")],
    "DELETED": [("incarnation", "u64"), ("entries", "u64"), ("bytes", "u64"), ("from", "u64"), ("to", "u64")],
}
STREAM_ROW = [("incarnation", "u64"), ("first", "u64"), ("head", "u64"), ("entries", "u64"), ("bytes", "u64"),
              ("lastReceived", "i64"), ("state", "u8"), ("stream", "name")]


def selectors(r, message):
    return [(r.u8(), r.name()) for _ in range(message["selectorCount"])]


def cursors(r, message):
    return [(r.name(), r.u64(), r.u64()) for _ in range(message["cursorCount"])]


def streams(r, message):
    rows = []
    for _ in range(message["count"]):
        row = Reader(r.take(r.u16()), r.step, r.error)
        rows.append({field: getattr(row, form)() for field, form in STREAM_ROW})
        rows[-1]["more"] = row.take(row.left())  # fields of later versions
    return rows


def facts(r, message):
    found = []
    for _ in range(message["count"]):
        key, kind = r.name(), r.u8()
        if kind > 1:
            r.refuse("unknown kind of fact")
        found.append((key, kind, r.u64() if kind == 0 else r.text()))
    return found


def heads(r, message):
    return [(r.u32(), r.u64()) for _ in range(message["count"])]


def spans(r, message):
    return [(r.i64(), *(r.u64() for _ in range(7))) for _ in range(message["spanCount"])]


def summaries(r, message):
    found = []
    for _ in range(message["fieldCount"]):
        kind, flags, count, entries, name = r.u8(), r.u8(), r.u16(), r.u64(), r.name()
        found.append((kind, flags, count, entries, name, *(part for _ in range(count) for part in (r.u64(), r.text()))))
    return found


LISTS = {"selectors": selectors, "cursors": cursors, "streams": streams, "facts": facts, "heads": heads, "spans": spans,
         "summaries": summaries}
NAME_BYTES = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:@-/")


def bad_name(name, own=False, also=b""):
    """Section 4.0. `own`: the server's own names ($...) are allowed, their $ is not counted; `also`: the bytes of patterns."""
    if own and name[:1] == b"$":
        name = name[1:]
    return not 1 <= len(name) <= 200 or any(b not in NAME_BYTES and b not in also for b in name) or b"" in name.split(b"/")


def is_filter(text):
    try:
        parse(text)
    except BadFilter:
        return False
    return True


def dictionary_content(m):
    """What DICTIONARY holds; None if that is not one zstd frame. Never takes memory for more than one byte above the limit."""
    try:
        return zstandard.ZstdDecompressor().stream_reader(io.BytesIO(m["content"]), read_across_frames=False).read(DICTIONARY_MAX + 1)
    except zstandard.ZstdError:
        return None


def rules(type, m):
    """Yields (broken, reason) for the rules about values in section 4."""
    if type == "HELLO":
        yield m["magic"] != b"LOGS", "magic is not LOGS"
        yield not 1 <= m["minVersion"] <= m["maxVersion"], "minVersion is 0 or above maxVersion"
        yield m["frameLimit"] < FRAME_LIMIT_MIN, "frameLimit is below 2 MiB + 4,096"
        yield len(m["client"]) > 255, "client is longer than 255 bytes"
        yield len(m["token"]) > 4096, "token is longer than 4,096 bytes"
    if type == "AUTH":
        yield len(m["token"]) > 4096, "token is longer than 4,096 bytes"
    if type == "WELCOME":
        yield m["version"] < 1, "version is 0"
        yield m["frameLimit"] < FRAME_LIMIT_MIN, "frameLimit is below 2 MiB + 4,096"
        yield len(m["name"]) > 255, "name is longer than 255 bytes"
    if type in ("ERROR", "GOAWAY", "CHALLENGE", "COMPLETE"):
        yield len(m["text"]) > 1024, "text is longer than 1,024 bytes"
    if type == "DICTIONARY":
        yield not DICTIONARY_MIN <= m["contentLength"] <= DICTIONARY_MAX, "contentLength is not 256 to 114,688"
        content = dictionary_content(m)
        yield content is None or len(content) != m["contentLength"], "content is no zstd frame of contentLength bytes"
        yield not m["dictionary"] == xxh3(content) != 0, "dictionary is not the hash of the content"
    if type in ("APPEND", "COMPLETE"):
        yield not 1 <= m["floor"] <= m["number"] <= NUMBER_MAX, "number is not 1 to 2^63 - 1, or floor not 1 to number"
        yield bad_name(m["stream"]), "not a stream name that clients may append to"
    if type == "ACK":
        yield m["appends"] < 1, "appends is 0"
        yield m["firstSequence"] < 1 or m["count"] < m["appends"], "firstSequence is 0, or count below appends"
        yield m["firstSequence"] + m["count"] - 1 > NUMBER_MAX, "the last number is above 2^63 - 1"
        yield m["id"] + m["appends"] > 1 << 32, "the ids of the run are above 32 bits"
    if type == "FOLLOW":
        yield m["start"] > 4, "unknown start"
        yield m["followFlags"] & 0xE0, "flags 5 to 7 must be zero"
        yield m["start"] < 2 and m["startValue"], "startValue without a start that uses it"
        yield not m["followFlags"] & 4 and m["endSequence"], "endSequence without its flag"
        yield not m["followFlags"] & 8 and m["endTime"], "endTime without its flag"
        yield not m["followFlags"] & 16 and m["limit"], "limit without its flag"
        yield m["start"] == 4 and m["startValue"] > NUMBER_MAX, "a first number above 2^63 - 1"
        yield m["endSequence"] > NUMBER_MAX, "endSequence is above 2^63 - 1"
        for name, _, sequence in m["cursors"]:
            yield bad_name(name, own=True), "not a stream name"
            yield sequence > NUMBER_MAX, "a cursor above 2^63 - 1"
        yield len({name for name, _, _ in m["cursors"]}) < len(m["cursors"]), "two cursors for one stream"
    if type == "QUERY":
        yield not 1 <= m["kind"] <= 3, "unknown kind of query"
        yield m["kind"] == 3 and not 1 <= m["valueCount"] <= FIELD_VALUES_MAX, "valueCount is not 1 to 100"
        yield m["kind"] != 3 and m["valueCount"], "valueCount without a kind that uses it"
        yield m["kind"] == 2 and m["width"] < 1, "width is not above 0"
        yield m["kind"] != 2 and m["width"], "width without a kind that uses it"
    if type in ("FOLLOW", "QUERY"):
        yield not 1 <= m["selectorCount"] <= 1024, "selectorCount is not 1 to 1,024"
        for kind, name in m["selectors"]:
            yield kind > 1, "unknown kind of selector"
            yield bad_name(name, own=True, also=b"*?" if kind == 1 else b""), "not a stream name or pattern"
        for tag, text in m["extensions"]:
            yield tag == FILTER and not is_filter(text), "the filter cannot be read"
    if type == "STREAM":
        yield bad_name(m["stream"], own=True), "not a stream name"
        yield m["head"] > NUMBER_MAX or m["position"] > m["head"] + 1, "head is above 2^63 - 1, or position above head + 1"
    if type in ("BATCH", "SKIP"):
        yield not 1 <= m["from"] <= m["to"] <= NUMBER_MAX, "from is 0 or above to, or to above 2^63 - 1"
    if type == "LIST":
        yield not 1 <= m["limit"] <= 1000, "limit is not 1 to 1,000"
        yield m["pattern"] and bad_name(m["pattern"], own=True, also=b"*?"), "not a pattern"
        yield m["after"] and bad_name(m["after"], own=True), "not a stream name"
    if type == "LISTING":
        yield m["count"] > 1000, "count is above 1,000"
        for row in m["streams"]:
            yield bad_name(row["stream"], own=True), "not a stream name"
            yield not 1 <= row["first"] <= row["head"] + 1 <= NUMBER_MAX + 1, "first is 0 or above head + 1, or head above 2^63 - 1"
        names = [row["stream"] for row in m["streams"]]
        yield any(a >= b for a, b in zip(names, names[1:])), "names do not ascend"
    if type == "HEADS":
        yield not 1 <= m["count"] <= 1000, "count is not 1 to 1,000"
        yield any(head > NUMBER_MAX for _, head in m["heads"]), "head is above 2^63 - 1"
    if type == "RESULT":
        starts = [start for start, *_ in m["spans"]]
        yield any(a >= b for a, b in zip(starts, starts[1:])), "spans do not ascend"
        for kind, _, _, _, _, *values in m["fields"]:
            yield kind > 2, "unknown kind of field"
            yield any(len(text) > FIELD_TEXT_MAX for text in values[1::2]), "a value is longer than 1,024 bytes"
    if type in ("DELETE", "DELETED"):
        none = m["from"] == m["to"] == 0
        yield not none and not 1 <= m["from"] <= m["to"] <= NUMBER_MAX, "from and to are neither 0 nor a range of sequence numbers"
    if type == "DELETE":
        yield m["deleteFlags"] & 0xFE, "flags 1 to 7 must be zero"
        yield bad_name(m["stream"], own=True), "not a stream name"
    if type == "DELETED":
        yield none and m["entries"], "entries without a range"
        yield not none and not 1 <= m["entries"] <= m["to"] - m["from"] + 1, "entries is not 1 to the length of the range"


# 5. Batch ------------------------------------------------------------------------------------------------------------

BATCH_HEADER = [("serverCheck", "u64"), ("firstSequence", "u64"), ("received", "i64"), ("span", "u32"), ("", "zero4"),
                ("check", "u64"), ("format", "u8"), ("codec", "u8"), ("flags", "u16"), ("count", "u32"), ("minTime", "i64"),
                ("maxTime", "i64"), ("severities", "u32"), ("rawLength", "u32"), ("storedLength", "u32"), ("", "zero4"),
                ("dictionary", "u64")]
SPARSE, REENCODED, UNTIMED, RECEIVED_TIMES = 1, 2, 4, 256


# 5.1 Header

def batch_header(data, numbered):
    """The fields of a batch's first 88 bytes; the lengths are checked, so that storedLength may be trusted."""
    r = Reader(data, "batch", "gap" if numbered else "bad_batch")
    b, zeros = {}, []
    for field, form in BATCH_HEADER:
        if form.startswith("zero"):
            zeros.append(r.take(int(form[4:])))
        else:
            b[field] = getattr(r, form)()
    if any(zeros[0]):
        r.refuse("a byte that must be zero is not")
    # What looks like a later version is one only if its check fits; else it was damaged on the way.
    later = "unsupported" if numbered and is_signed(data, b) else r.error
    if b["format"] != 1:
        r.refuse("unknown format", later)
    if b["codec"] > 2:
        r.refuse("unknown codec", later)
    if b["flags"] & 0xF8:
        r.refuse("unknown flag", later)
    if not 1 <= b["count"] <= ENTRIES_MAX:
        r.refuse("count is not 1 to 65,536")
    if b["minTime"] > b["maxTime"]:
        r.refuse("minTime is above maxTime")
    if not 0 < b["severities"] < 1 << 25:
        r.refuse("severities is 0 or has bits above 24")
    if b["rawLength"] > RAW_MAX:
        r.refuse("rawLength is above 4 MiB")
    if 88 + b["storedLength"] > BATCH_MAX:
        r.refuse("header and payload are above 2 MiB")
    if b["codec"] == 0 and b["rawLength"] != b["storedLength"]:
        r.refuse("rawLength is not storedLength without compression")
    if any(zeros[1]):
        r.refuse("a byte that must be zero is not")
    if (b["codec"] == 2) != (b["dictionary"] != 0):
        r.refuse("dictionary without codec 2, or codec 2 without one")
    return b


def is_signed(data, b):
    return len(data) >= 88 + b["storedLength"] and xxh3(data[40:88 + b["storedLength"]]) == b["check"]


def decode_batch(data, stream=None, incarnation=None, dictionaries={}):
    """A batch, its columns and entries. Without a stream: as a server does on append; with one: as a numbered batch.
    `dictionaries` are those that a client keeps, by their hashes; none if it has not announced that it reads them."""
    numbered = stream is not None
    b = batch_header(data, numbered)
    r = Reader(data, "batch", "gap" if numbered else "bad_batch")
    if len(data) != 88 + b["storedLength"]:
        r.refuse("storedLength is not the length of the payload that follows")
    if not is_signed(data, b):
        r.refuse("check is wrong")
    if numbered:
        if xxh3(data[8:40], xxh3(stream, incarnation)) != b["serverCheck"]:
            r.refuse("serverCheck is wrong")
        if b["firstSequence"] < 1 or b["firstSequence"] + b["span"] - 1 > NUMBER_MAX:
            r.refuse("firstSequence is 0, or the last number is above 2^63 - 1")
        if b["span"] < b["count"] or b["span"] > b["count"] and not b["flags"] & SPARSE:
            r.refuse("span is not count")
    else:
        if any(data[:32]):
            r.refuse("the server's part is not zero")
        if b["flags"] & (SPARSE | REENCODED):
            r.refuse("sparse or re-encoded in an APPEND")
    if b["codec"] == 2 and not dictionaries:
        r.refuse("dictionary batch, and the feature was not announced", "unsupported" if numbered else None)
    if b["codec"] == 2 and b["dictionary"] not in dictionaries:
        r.refuse("a dictionary that is not among the last 16", "protocol_violation")
    r.error = "bad_batch"  # both checks fit, so the content is what its producer and its server made of it
    if b["codec"] == 1 and not numbered:
        check_window(data[88:], r)
    payload = data[88:] if b["codec"] == 0 else decompress(data[88:], b["rawLength"], r, dictionaries.get(b["dictionary"]))
    b["columns"] = decode_columns(payload, b)
    read_entries(b, append=not numbered, r=r)
    return b


def check_window(data, r):
    try:
        if zstandard.get_frame_parameters(data).window_size > WINDOW_MAX:
            r.refuse("the zstd frame asks for a window above 4 MiB")
    except zstandard.ZstdError as error:
        r.refuse(f"zstd: {error}")


def decompress(data, raw_length, r, dictionary=None):
    """One zstd frame that fills the payload and holds rawLength bytes. Never takes memory for more than one byte above."""
    dictionary = zstandard.ZstdCompressionDict(dictionary) if dictionary else None
    try:
        reader = zstandard.ZstdDecompressor(dict_data=dictionary).stream_reader(io.BytesIO(data), read_across_frames=False)
        raw = reader.read(raw_length + 1)
        if len(raw) != raw_length:
            r.refuse("rawLength is not the length of the content")
        whole = zstandard.ZstdDecompressor(dict_data=dictionary).decompressobj()
        whole.decompress(data)
    except zstandard.ZstdError as error:
        r.refuse(f"zstd: {error}")
    if not whole.eof or whole.unused_data:
        r.refuse("the payload is not one whole zstd frame")
    return raw


# 5.2 Payload

COLUMNS = {1: "time", 2: "severity", 3: "source", 4: "message", 5: "keys", 6: "values", 7: "kind", 8: "offsets", 17: "received"}
ALLOWED = {"time": "47", "severity": "17", "source": "567", "message": "57", "keys": "567", "values": "57", "kind": "17",
           "offsets": "4", "received": "47"}


def says_received(b):
    """Whether it says for each entry when it was received, as one does that the server has made of several."""
    return b["flags"] & (REENCODED | RECEIVED_TIMES) == REENCODED | RECEIVED_TIMES


def column_name(id, b):
    return COLUMNS.get(id) if id != 17 or says_received(b) else None


def decode_columns(payload, b):
    """Column id -> {encoding, rows, dictionary, indices}, in the order of the payload."""
    r = Reader(payload, "batch", "bad_batch")
    columns = {}
    while r.left():
        id, encoding = r.u16(), r.u8()
        r.zero(1)
        content = r.take(r.u32())
        if id <= max(columns, default=0):
            r.refuse("column ids do not ascend from 1")
        if len(columns) == COLUMNS_MAX:
            r.refuse("more than 64 columns")
        name = column_name(id, b)
        if name and str(encoding) not in ALLOWED[name]:
            r.refuse(f"encoding {encoding} is not one for column {name}")
        inner = content[0] if encoding == 7 and content else 0
        if name and inner and str(inner) not in ALLOWED[name]:
            r.refuse(f"constant of encoding {inner} is not one for column {name}")
        columns[id] = decode_column(content, encoding, b["count"])
    return columns


# 5.3 Encodings

def decode_column(content, encoding, n):
    r = Reader(content, "batch", "bad_batch")
    column = {"encoding": encoding}
    if encoding == 7:
        column["inner"] = r.u8()
        if not 1 <= column["inner"] <= 5:
            r.refuse("a constant's encoding is not 1 to 5")
        column["rows"] = rows(r, column["inner"], 1) * n
    elif encoding == 6:
        d = r.varint()
        if not 1 <= d <= n:
            r.refuse("a dictionary of less than 1 or more than count values")
        column["dictionary"] = rows(r, 5, d)
        column["indices"] = [r.varint() for _ in range(n)]
        if max(column["indices"]) >= d:
            r.refuse("dictionary index out of range")
        column["rows"] = [column["dictionary"][i] for i in column["indices"]]
    elif 1 <= encoding <= 5:
        column["rows"] = rows(r, encoding, n)
    else:
        r.refuse("unknown encoding")
    r.end()
    return column


def rows(r, encoding, n):
    if encoding == 1:
        return list(r.take(n))
    if encoding in (2, 3):
        width = 8 if encoding == 2 else 16
        return [r.take(width) for _ in range(n)]
    if encoding == 4:
        values, last = [], 0
        for _ in range(n):
            last = (last + r.zigzag() + (1 << 63)) % (1 << 64) - (1 << 63)
            values.append(last)
        return values
    lengths = [r.varint() for _ in range(n)]
    return [r.take(length) for length in lengths]


def read_entries(b, append, r):
    """Checks what the known columns say, and adds `entries`: one tuple-like dict a row."""
    n = b["count"]
    given = {column_name(id, b): column["rows"] for id, column in b["columns"].items() if column_name(id, b)}
    if says_received(b) and "received" not in given:
        r.refuse("no times received, and the flags say that they are there")
    received = given.get("received", [b["received"]] * n)
    times, severities = given.get("time", [0] * n), given.get("severity", [0] * n)
    sources, messages = given.get("source", [b""] * n), given.get("message", [b""] * n)
    kinds, offsets = given.get("kind", [0] * n), given.get("offsets", list(range(n)))
    timed = [t for t in times if t != 0]
    counted = [t or at for t, at in zip(times, received)] if says_received(b) else timed
    if (b["minTime"], b["maxTime"]) != ((min(counted), max(counted)) if counted else (0, 0)):
        r.refuse("minTime or maxTime disagrees with the column")
    if bool(b["flags"] & UNTIMED) != (len(timed) < n):
        r.refuse("untimed disagrees with the column")
    if max(severities) > 24:
        r.refuse("severity is above 24")
    if b["severities"] != sum(1 << s for s in set(severities)):
        r.refuse("severities disagree with the column")
    source_values = [c.get("dictionary", []) for id, c in b["columns"].items() if id == 3]
    if any(len(s) > 255 for s in sources + sum(source_values, [])):
        r.refuse("source is longer than 255 bytes")
    if any(len(m) > MESSAGE_MAX for m in messages):
        r.refuse("message is longer than 1 MiB")
    if sum(len(row) for id in (3, 4, 5, 6) for row in b["columns"].get(id, {"rows": []})["rows"]) > EXPANDED_MAX:
        r.refuse("sources, messages and attributes expand to more than 64 MiB")
    if append and max(kinds) > 1:
        r.refuse("a kind that clients may not send")
    if ("offsets" in given) != bool(b["flags"] & SPARSE):
        r.refuse("sequence offsets without sparse, or sparse without them")
    if "offsets" in given and (offsets[0] < 0 or offsets[-1] >= b["span"] or any(a >= z for a, z in zip(offsets, offsets[1:]))):
        r.refuse("sequence offsets do not ascend between 0 and span - 1")
    if ("keys" in given) != ("values" in given):
        r.refuse("attribute keys without values, or values without keys")
    for keys in b["columns"].get(5, {}).get("dictionary", []):
        decode_keys(keys)
    attributes = [decode_attributes(k, v) for k, v in zip(given.get("keys", []), given.get("values", []))] or [[]] * n
    b["entries"] = [{"sequence": b["firstSequence"] + offsets[i], "time": times[i], "severity": severities[i],
                     "source": sources[i], "message": messages[i], "kind": kinds[i], "attributes": attributes[i],
                     "received": received[i]}
                    for i in range(n)]


# 5.4 Attributes

def decode_keys(row):
    r = Reader(row, "batch", "bad_batch")
    keys = []
    while r.left():
        keys.append(r.take(r.varint()))
        if not 1 <= len(keys[-1]) <= 255:
            r.refuse("an attribute's key is not 1 to 255 bytes")
    if len(set(keys)) < len(keys):
        r.refuse("a key appears twice")
    return keys


def decode_attributes(key_row, value_row):
    r = Reader(value_row, "batch", "bad_batch")
    if len(key_row) + len(value_row) > ATTRIBUTES_MAX:
        r.refuse("an entry's attributes are above 64 KiB")
    counter = [0]
    found = [(key, decode_value(r, 0, counter)) for key in decode_keys(key_row)]
    r.end()
    return found


def decode_value(r, depth, counter):
    """One value as (type, content). `depth` counts the lists and maps around it, `counter` the entry's values so far."""
    counter[0] += 1
    if counter[0] > VALUES_MAX:
        r.refuse("more than 256 values in an entry")
    tag = r.u8()
    if tag == 0:
        return ("empty", None)
    if tag == 1:
        return ("string", r.take(r.varint()))
    if tag == 2:
        value = r.u8()
        if value > 1:
            r.refuse("a boolean is not 0 or 1")
        return ("boolean", value)
    if tag == 3:
        return ("integer", r.zigzag())
    if tag == 4:
        return ("double", r.take(8))
    if tag in (5, 6):
        if depth == DEPTH_MAX:
            r.refuse("nested more than 8 deep")
        count = r.varint()
        if tag == 5:
            return ("list", [decode_value(r, depth + 1, counter) for _ in range(count)])
        pairs = []
        for _ in range(count):
            key = r.take(r.varint())
            if len(key) > 255:
                r.refuse("a map's key is above 255 bytes")
            if key in (k for k, _ in pairs):
                r.refuse("a key appears twice")
            pairs.append((key, decode_value(r, depth + 1, counter)))
        return ("map", pairs)
    if tag == 7:
        return ("bytes", r.take(r.varint()))
    r.refuse("unknown type of value")


# 4.12 again: the run of batches in a BATCH frame

def decode_run(message, stream, incarnation, dictionaries={}):
    """The batches of a BATCH frame, each verified, contiguous, the first holding `from` and the last `to`."""
    part, at, found = message["batch"], 0, []
    while at < len(part):
        end = at + 88 + batch_header(part[at:], numbered=True)["storedLength"]
        found.append(decode_batch(part[at:end], stream, incarnation, dictionaries))
        at = end
    r = Reader(b"", "cover", "gap")
    if not found:
        r.refuse("no batch")
    for a, z in zip(found, found[1:]):
        if a["firstSequence"] + a["span"] != z["firstSequence"]:
            r.refuse("the run has a hole or overlaps")
    for batch, number in ((found[0], message["from"]), (found[-1], message["to"])):
        if not batch["firstSequence"] <= number < batch["firstSequence"] + batch["span"]:
            r.refuse("the run does not begin with the batch that holds from, or end with the one that holds to")
    return found


# Vectors -------------------------------------------------------------------------------------------------------------

def read_vector(path):
    """(header fields, bytes) of an annotated hex file."""
    headers, digits = {}, ""
    with open(path, encoding="utf-8") as file:
        for line in file:
            code, _, comment = line.partition("#")
            digits += "".join(code.split())
            key, colon, value = comment.strip().partition(": ")
            if colon and not digits and key in ("kind", "about", "step", "error", "reason"):
                headers[key] = value
    kind, *fields = headers["kind"].split()
    headers["kind"] = kind
    headers.update(field.split("=", 1) for field in fields)
    return headers, bytes.fromhex(digits)


def read_session(path):
    """(header fields, frames) of a session: each frame with the side it is from, `>` the client or `<` the server."""
    headers, frames = {}, []
    with open(path, encoding="utf-8") as file:
        for line in file:
            code, _, comment = line.partition("#")
            if code.strip() in ("<", ">"):
                frames.append([code.strip(), ""])
            elif code.strip():
                frames[-1][1] += "".join(code.split())
            key, colon, value = comment.strip().partition(": ")
            if colon and not frames and key in ("kind", "about"):
                headers[key] = value
    return headers, [(side, bytes.fromhex(digits)) for side, digits in frames]


def decode_session(frames):
    """The text of a session. What depends on frames before is checked: the limit before WELCOME, answers, and the cover."""
    text, limit, told, expected, busy, dictionaries = "", HANDSHAKE_BODY_MAX, {}, {}, {}, {}
    for side, data in frames:
        m = decode_frame(data, limit)
        text += f"{side} {show_frame(m)}"
        track = (m["id"], m.get("handle"))
        if m["type"] in REQUESTS:
            busy[m["id"]] = m["type"]
        elif m["type"] in ANSWERED and busy.pop(m["id"], None) != ANSWERED[m["type"]]:
            text += "  refused protocol_violation\n"
        if m["type"] == "WELCOME":
            limit = 4 * MIB
        elif m["type"] == "DICTIONARY":
            dictionaries = dict([*dictionaries.items(), (m["dictionary"], dictionary_content(m))][-DICTIONARIES_MAX:])
        elif m["type"] == "STREAM":
            told[track], expected[track] = (m["stream"], m["incarnation"]), m["position"] + 1
        elif m["type"] in ("BATCH", "SKIP"):
            if m["from"] != expected[track]:
                raise Refused("cover", "a range that does not follow the one before", "gap")
            expected[track] = m["to"] + 1
        try:
            if m["type"] == "BATCH":
                text += "".join(map(show_batch, decode_run(m, *told[track], dictionaries)))
            elif m["type"] == "APPEND":
                text += show_batch(decode_batch(m["batch"]))
        except Refused as refusal:
            text += f"  refused {refusal.error}\n"
    return text


def decode_vector(headers, data):
    """Runs the decode step that the kind names (vectors/README.md) and returns its text."""
    stream, incarnation = headers.get("stream", "").encode(), int(headers.get("incarnation", "0"), 16)
    if headers["kind"] == "frame":
        return show_frame(decode_frame(data, 4 * MIB))
    if headers["kind"] == "run":
        message = decode_frame(data, 4 * MIB)
        return show_frame(message) + "".join(map(show_batch, decode_run(message, stream, incarnation)))
    if headers["kind"] == "batch":
        return show_batch(decode_batch(data))
    if headers["kind"] == "numbered-batch":
        return show_batch(decode_batch(data, stream, incarnation))
    raise ValueError(f"unknown kind {headers['kind']}")


def quote(data):
    return '"' + "".join(chr(b) if 32 <= b < 127 and b not in b'"\\' else f"\\x{b:02x}" for b in data) + '"'


def show(value):
    if isinstance(value, bytes):
        return quote(value) if len(value) <= 200 else f"{quote(value[:40])}... {len(value)} bytes"
    if isinstance(value, dict):
        return " ".join(f"{k}={show(v)}" for k, v in value.items())
    if isinstance(value, (tuple, list)):
        return " ".join(map(show, value))
    return str(value)


def show_frame(m):
    lines = [f"{m['type'] or 'unknown type ' + str(m['number'])} id={m['id']} flags=0x{m['flags']:02x}"]
    for field, value in m.items():
        if field in ("type", "number" if m["type"] is None else "", "id", "flags", "batch"):
            continue
        if field == "extensions":
            lines += [f"  extension 0x{tag:04x} {data.hex()}" for tag, data in value]
        elif isinstance(value, list):
            lines += [f"  {field[:-1]} {show(row)}" for row in value]
        elif field in ("producer", "server", "store", "control"):
            lines.append(f"  {field} {value.hex()}")
        elif field in ("incarnation", "features", "dictionary") or field.endswith("Flags"):
            lines.append(f"  {field} 0x{value:x}")
        else:
            lines.append(f"  {field} {show(value)}")
    if m["batch"]:
        lines.append(f"  batch part of {len(m['batch'])} bytes")
    return "\n".join(lines) + "\n"


def show_value(value):
    type, content = value
    if type == "list":
        return "[" + ", ".join(map(show_value, content)) + "]"
    if type == "map":
        return "{" + ", ".join(f"{quote(k)}: {show_value(v)}" for k, v in content) + "}"
    if type == "double":
        return f"double {struct.unpack('<d', content)[0]!r} (0x{content[::-1].hex()})"
    return type if content is None else f"{type} {show(content)}"


def show_entry(e, with_received=False):
    return (f"  entry {e['sequence']} time={e['time']} severity={e['severity']} kind={e['kind']} source={show(e['source'])}"
            f" message={show(e['message'])}" + (f" received={e['received']}" if with_received else "")
            + "".join(f"\n    {quote(k)} = {show_value(v)}" for k, v in e["attributes"]))


def show_batch(b):
    lines = [f"batch of {b['count']} entries"]
    for field, form in BATCH_HEADER:
        if field:
            lines.append(f"  {field} " + (f"0x{b[field]:x}" if field in ("serverCheck", "check", "flags", "severities", "dictionary")
                                          else str(b[field])))
    for id, c in b["columns"].items():
        lines.append(f"  column {id} {column_name(id, b) or 'unknown'} encoding {c['encoding']}"
                     + (f" of {c['inner']}" if "inner" in c else "")
                     + (f", {len(c['dictionary'])} values" if "dictionary" in c else "")
                     + ("" if column_name(id, b) else ": " + " ".join(str(row) if isinstance(row, int) else row.hex() for row in c["rows"][:8])))
    lines += [show_entry(e, says_received(b)) for e in b["entries"][:20]]
    if b["count"] > 20:
        lines.append(f"  and {b['count'] - 20} more")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    failed = False
    for path in sys.argv[1:]:
        try:
            print(decode_vector(*read_vector(path)), end="")
        except Refused as refusal:
            print(f"{path}: refused: {refusal}")
            failed = True
    sys.exit(1 if failed else 0)
