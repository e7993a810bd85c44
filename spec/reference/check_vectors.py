#!/usr/bin/python3
"""Runs the reference decoder over every vector. Valid ones must decode to the text beside them and, where the bytes are not a
choice of the compressor, encode to the same bytes again; invalid ones must be refused in the step and with the error they name.
The examples in wire.md must be the bytes of the vectors they name, and vectors must not change (frozen.py).

Filters must be read as they are in parse.json, and let through the entries that are listed with them, as must the examples in
filter.md; what is refused must be."""
import json
import os
import re
import sys

from decoder import (MIB, Refused, decode_batch, decode_frame, decode_session, decode_vector, decompress, read_session, read_vector,
                     Reader)
from encoder import frame_again, payload_again
from filter import BadFilter, entry_of, evaluate, parse
from filter_tree import tree_json
from frozen import problems as frozen
from perl_regex import Unsupported

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "vectors")

# The lines of a .txt file, as vectors/README.md has them.
BYTES = r'"(?:[ !#-\[\]-~]|\\x[0-9a-f]{2})*"(?:\.\.\. \d+ bytes)?'
VALUE = rf"(?:-?\d+|0x[0-9a-f]+|[0-9a-f]{{32}}|{BYTES})"
LINES = re.compile("|".join([
    r"(?:[<>] )?(?:[A-Z]+|unknown type \d+) id=\d+ flags=0x[0-9a-f]{2}", rf"  [a-zA-Z]+ {VALUE}", r"  control [0-9a-f]*",
    rf"  (?:selector|cursor|fact|head)(?: {VALUE}){{2,3}}", rf"  stream(?: [a-zA-Z]+={VALUE})+", r"  extension 0x[0-9a-f]{4} [0-9a-f]*",
    r"  span(?: -?\d+){8}", rf"  field(?: \d+){{4}} {BYTES}(?: \d+ {BYTES})*", r"  batch part of \d+ bytes", r"batch of \d+ entries", r"  and \d+ more",
    r"  refused [a-z_]+", r"  column \d+ [a-z]+ encoding \d(?: of \d)?(?:, \d+ values)?(?::(?: -?[0-9a-f]*)+)?",
    rf"  entry \d+ time=-?\d+ severity=\d+ kind=\d+ source={BYTES} message={BYTES}( received=\d+)?", rf"    {BYTES} = .+"]))


def check_text(text):
    for line in text.removesuffix("\n").split("\n"):
        if not LINES.fullmatch(line):
            return f"has a line that vectors/README.md does not describe: {line}"


def check_session(path):
    _, frames = read_session(path)
    with open(path[:-4] + ".txt", encoding="utf-8") as file:
        text = file.read()
    if decode_session(frames) != text:
        return "decodes to another text"
    if any(frame_again(decode_frame(data, 4 * MIB)) != data for _, data in frames):
        return "encodes to other bytes"
    return check_text(text)


def check_valid(path):
    headers, data = read_vector(path)
    with open(path[:-4] + ".txt", encoding="utf-8") as file:
        text = file.read()
    if decode_vector(headers, data) != text:
        return "decodes to another text"
    if problem := check_text(text):
        return problem
    if headers["kind"] in ("frame", "run"):
        message = decode_frame(data, 4 * MIB)
        if not message["type"] == "LISTING" and frame_again(message) != data:
            return "encodes to other bytes"
    else:
        stream = headers["stream"].encode() if "stream" in headers else None
        batch = decode_batch(data, stream, int(headers.get("incarnation", "0"), 16))
        raw = data[88:] if batch["codec"] == 0 else decompress(data[88:], batch["rawLength"], Reader(b"", "batch", ""))
        if payload_again(batch) != raw:
            return "encodes to another payload"


def check_invalid(path):
    headers, data = read_vector(path)
    try:
        decode_vector(headers, data)
        return "is not refused"
    except Refused as refusal:
        if (refusal.step, refusal.error) != (headers["step"], headers["error"]) or not headers["reason"]:
            return f"is refused for another reason: {refusal}"


def check_filter(text, entries, matches):
    try:
        tree = parse(text)
    except BadFilter as refusal:
        return matches is not None and f"is refused: {refusal}"
    if matches is None:
        return "is not refused"
    found = [number for number, entry in enumerate(entries, 1) if evaluate(tree, *entry)]
    return found != matches and f"lets through {found}, not {matches}"


def check_parse(row):
    """Whether a filter is read as a case of parse.json says."""
    text = "".join(piece if isinstance(piece, str) else piece[0] * piece[1] for piece in row["filter"])
    try:
        tree = parse(text)
    except BadFilter as refusal:
        if "error" not in row:
            return f"is refused: {refusal}"
        column = row["error"].get("column", refusal.column)
        return refusal.column != column and f"is refused in column {refusal.column}, not {column}: {refusal.reason}"
    if "error" in row:
        return "is not refused"
    found = tree_json(tree)
    return found != row.get("tree", found) and f"is {found}, not {row['tree']}"


def check_filters():
    """(what is checked, its problem if it has one) for each filter of vectors and of the examples in filter.md."""
    with open(os.path.join(ROOT, "filters", "match.json"), encoding="utf-8") as file:
        vectors = json.load(file)
    entries = [entry_of(fields) for fields in vectors["entries"]]
    for row in vectors["filters"]:
        yield f"the filter {row['filter']}", check_filter(row["filter"], entries, row["matches"])
    for text in vectors["refused"]:
        yield f"the filter {text}", check_filter(text, entries, None)
    with open(os.path.join(ROOT, "filters", "parse.json"), encoding="utf-8") as file:
        for row in json.load(file):
            try:
                yield f"the filter {str(row['filter'])[:100]}", check_parse(row)
            except Unsupported:
                # Only PCRE2 can tell whether the expression compiles.
                continue
    with open(os.path.join(ROOT, "..", "filter.md"), encoding="utf-8") as file:
        section = re.search(r"\n## 4\. Examples\n(.*?)\n## ", file.read(), re.DOTALL)[1]
    for texts, numbers in re.findall(r"^\| (`.*`) \| (none|\d+(?:, \d+)*) \|", section, re.MULTILINE):
        for text in re.findall("`([^`]+)`", texts):
            yield f"the example {text}", check_filter(text, entries[:4], [int(n) for n in re.findall(r"\d+", numbers)])


passed = failed = 0
for folder, check in (("valid", check_valid), ("invalid", check_invalid), ("sessions", check_session)):
    for name in sorted(os.listdir(os.path.join(ROOT, folder))):
        if name.endswith(".hex"):
            try:
                problem = check(os.path.join(ROOT, folder, name))
            except Exception as error:
                problem = f"{type(error).__name__}: {error}"
            passed, failed = (passed, failed + 1) if problem else (passed + 1, failed)
            if problem:
                print(f"{folder}/{name} {problem}")
with open(os.path.join(ROOT, "..", "wire.md"), encoding="utf-8") as file:
    for name, digits in re.findall(r"\(vectors/([a-z0-9/-]+\.hex)\):\n\n```\n([0-9a-f\s]+)```", file.read()):
        same = read_vector(os.path.join(ROOT, name))[1] == bytes.fromhex(digits)
        passed, failed = passed + same, failed + (not same)
        if not same:
            print(f"the example in wire.md is not {name}")
for name, problem in (*frozen(), *check_filters()):
    passed, failed = (passed, failed + 1) if problem else (passed + 1, failed)
    if problem:
        print(f"{name} {problem}")
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed or not passed else 0)
