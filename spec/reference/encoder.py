#!/usr/bin/python3
"""Encoder beside decoder.py, for the vectors and the client. What it makes is a list of pieces: (label, bytes) in wire order.
It checks nothing, so that bad vectors can be made with it; `changes` replace fields by name before the checks are computed,
and the changes of headerCheck, check and serverCheck after.
"""
import struct

import zstandard

from decoder import BATCH_HEADER, FIELDS, STREAM_ROW, TYPES, xxh3

NUMBERS = {name: number for number, name in TYPES.items()}
FORMS = {"u8": "<B", "u16": "<H", "u32": "<I", "u64": "<Q", "i64": "<q"}


def join(pieces):
    return b"".join(data for _, data in pieces)


def varint(value):
    data = bytearray()
    while value >= 0x80:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(data) + bytes([value])


def zigzag(value):
    return varint((value << 1 ^ value >> 63) & (1 << 64) - 1)


def field(form, value):
    if form.startswith("bytes"):
        return value
    if form == "blob":
        return struct.pack("<I", len(value)) + value
    if form in ("name", "text"):
        return (bytes([len(value)]) if form == "name" else struct.pack("<H", len(value))) + value
    return struct.pack(FORMS[form], value)


def fields(table, values, label=""):
    """Pieces for fixed fields; `zero` bytes may be given as values["zero@OFFSET"]."""
    pieces, offset = [], 0
    for name, form in table:
        if form.startswith("zero"):
            pieces.append((f"{label}zero", values.get(f"zero@{offset}", bytes(int(form[4:])))))
        else:
            default = b"" if form in ("name", "text", "blob") else bytes(int(form[5:])) if form.startswith("bytes") else 0
            pieces.append((label + name, field(form, values.get(name, default))))
        offset += len(pieces[-1][1])
    return pieces


# 1. Frame

def frame(type, id=0, batch=(), flags=0, changes={}, **values):
    """A frame. `type` is a message's name or a number (then values has `control`); `batch` are pieces of a batch part."""
    number = NUMBERS.get(type, type)
    part = control(type, values) if type in NUMBERS else [("control", values["control"])]
    part = [(label, changes.get(f"control {label}", data)) for label, data in part]
    inside, behind = len(join(part)), len(join(batch))
    header = {"bodyLength": inside + behind, "type": number, "flags": flags, "headerCheck": 0, "id": id, "controlLength": inside}
    header.update({k: v for k, v in changes.items() if k in header})
    forms = [("bodyLength", "u32"), ("type", "u8"), ("flags", "u8"), ("headerCheck", "u16"), ("id", "u32"), ("controlLength", "u32")]
    blank = join(fields(forms, {**header, "headerCheck": 0}))
    header["headerCheck"] = changes.get("headerCheck", xxh3(blank) & 0xFFFF)
    pieces = fields(forms, header)
    check = changes.get("check", xxh3(join(part), xxh3(join(pieces))) & 0xFFFFFFFF)
    return pieces + [("check", struct.pack("<I", check))] + part + list(batch)


# 2. Control part and extensions

def control(type, values):
    lists = {"selectors": selectors, "cursors": cursors, "streams": streams, "facts": facts, "heads": heads, "spans": spans,
             "summaries": summaries}
    counts = {"selectorCount": "selectors", "cursorCount": "cursors", "spanCount": "spans", "fieldCount": "fields",
              "count": {"LISTING": "streams", "HEADS": "heads"}.get(type, "facts")}
    if type in ("FOLLOW", "LISTING", "STATUS", "HEADS", "QUERY", "RESULT"):
        values = {**{name: len(values.get(of, ())) for name, of in counts.items()}, **values}
    pieces = fields([f for f in FIELDS[type] if f[1] not in lists], values)
    for name, form in FIELDS[type]:
        if form in lists:
            pieces += [piece for row in values.get(name, ()) for piece in lists[form](row)]
    for tag, data in values.get("extensions", ()):
        pieces.append((f"extension 0x{tag:04x}", struct.pack("<HH", tag, len(data)) + data))
    return pieces


def selectors(row):
    return fields([("kind", "u8"), ("name", "name")], dict(zip(("kind", "name"), row)), "selector ")


def cursors(row):
    return fields([("stream", "name"), ("incarnation", "u64"), ("sequence", "u64")],
                  dict(zip(("stream", "incarnation", "sequence"), row)), "cursor ")


def streams(row):
    known = fields([(n, f) for n, f in STREAM_ROW], row, "stream ") + [("stream more", row.get("more", b""))]
    return [("stream length", struct.pack("<H", row.get("length", len(join(known)))))] + [p for p in known if p[1]]


def facts(row):
    key, kind, value = row
    return fields([("key", "name"), ("kind", "u8"), ("value", "text" if kind == 1 else "u64")],
                  {"key": key, "kind": kind, "value": value}, "fact ")


def heads(row):
    return fields([("handle", "u32"), ("head", "u64")], dict(zip(("handle", "head"), row)), "stream ")


def spans(row):
    levels = ("start", "none", "trace", "debug", "info", "warn", "error", "fatal")
    return fields([(name, "i64" if name == "start" else "u64") for name in levels], dict(zip(levels, row)), "span ")


def summaries(row):
    known = ("kind", "flags", "valueCount", "entries", "name")
    pieces = fields(list(zip(known, ("u8", "u8", "u16", "u64", "name"))), dict(zip(known, row)), "field ")
    for count, text in zip(row[5::2], row[6::2]):
        pieces += fields([("count", "u64"), ("text", "text")], {"count": count, "text": text}, "value ")
    return pieces


# 5. Batch

def batch(n, columns=(), codec=0, times=(), severities=(), numbered=None, level=1, payload=None, changes={}):
    """A batch of n entries. `columns` are pieces as column() makes them, `times` and `severities` what the columns say (absent:
    all 0), `numbered` a (stream, incarnation, firstSequence, received[, span]), `payload` the stored bytes in place of the columns."""
    raw = join(columns)
    stored = payload if payload is not None else raw if codec == 0 else zstandard.ZstdCompressor(level=level).compress(raw)
    timed = [t for t in times if t != 0]
    header = {"format": 1, "codec": codec, "flags": 0 if len(timed) == n else 4, "count": n, "minTime": min(timed, default=0),
              "maxTime": max(timed, default=0), "severities": sum(1 << s for s in set(severities)) if severities else 1,
              "rawLength": len(raw), "storedLength": len(stored)}
    if numbered:
        header.update({"firstSequence": numbered[2], "received": numbered[3], "span": numbered[4] if len(numbered) > 4 else n})
    header.update(changes)
    head = fields(BATCH_HEADER, header)
    at = [label for label, _ in head].index("check")
    if "check" not in changes:
        head[at] = ("check", struct.pack("<Q", xxh3(join(head)[40:] + stored)))
    if numbered and "serverCheck" not in changes:
        head[0] = ("serverCheck", struct.pack("<Q", xxh3(join(head)[8:40], xxh3(numbered[0], numbered[1]))))
    return head + (list(columns) if codec == 0 and payload is None else [("payload", stored)] if stored else [])


def plain_zstd(raw, window, fields=b"", bits=0):
    """A zstd frame of uncompressed blocks (RFC 8878): `window` is its Window_Descriptor, `bits` and `fields` are what else its
    header has (Frame_Header_Descriptor; Dictionary_ID and Frame_Content_Size)."""
    blocks = [raw[at:at + 1024] for at in range(0, len(raw), 1024)]
    return bytes.fromhex("28b52ffd") + bytes([bits, window]) + fields + b"".join(
        struct.pack("<I", (at == len(blocks) - 1) | len(block) << 3)[:3] + block for at, block in enumerate(blocks))


def column(id, encoding, content, label, changes={}):
    return [(f"column {label}: id", struct.pack("<H", changes.get("id", id))), ("encoding", bytes([encoding])),
            ("zero", bytes([changes.get("zero", 0)])), ("length", struct.pack("<I", changes.get("length", len(content)))),
            ("content", content)]


def delta(values):
    last, data = 0, b""
    for value in values:
        data += zigzag((value - last + (1 << 63)) % (1 << 64) - (1 << 63))
        last = value
    return data


def lengths(rows):
    return b"".join(varint(len(row)) for row in rows) + b"".join(rows)


def dictionary(rows):
    values = sorted(set(rows), key=rows.index)
    return varint(len(values)) + lengths(values) + b"".join(varint(values.index(row)) for row in rows)


def keys(names):
    return b"".join(varint(len(name)) + name for name in names)


def value(v):
    """An AnyValue from (type, content), as decode_value returns it."""
    type, content = v
    if type in ("string", "bytes"):
        return bytes([1 if type == "string" else 7]) + varint(len(content)) + content
    if type == "list":
        return b"\x05" + varint(len(content)) + b"".join(map(value, content))
    if type == "map":
        return b"\x06" + varint(len(content)) + b"".join(varint(len(k)) + k + value(v) for k, v in content)
    return {"empty": lambda: b"\0", "boolean": lambda: bytes([2, content]), "integer": lambda: b"\x03" + zigzag(content),
            "double": lambda: b"\x04" + content}[type]()


# Again from what the decoder returns

def frame_again(m):
    values = {k: v for k, v in m.items() if k not in ("type", "id", "flags", "batch")}
    return join(frame(m["type"] or m["number"], m["id"], [("batch", m["batch"])], m["flags"], **values))


def column_again(c):
    if c["encoding"] == 6:
        return varint(len(c["dictionary"])) + lengths(c["dictionary"]) + b"".join(map(varint, c["indices"]))
    encoding, rows = (c["inner"], c["rows"][:1]) if c["encoding"] == 7 else (c["encoding"], c["rows"])
    content = bytes(rows) if encoding == 1 else delta(rows) if encoding == 4 else lengths(rows) if encoding == 5 else b"".join(rows)
    return (bytes([encoding]) if c["encoding"] == 7 else b"") + content


def payload_again(b):
    """The uncompressed payload of a decoded batch."""
    return b"".join(join(column(id, c["encoding"], column_again(c), "")) for id, c in b["columns"].items())
