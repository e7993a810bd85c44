#!/usr/bin/python3
"""Writes ../vectors/filters/match.json: entries, filters with the entries that they let through, what is refused."""
import json
import os

from filter import BadFilter, entry_of, evaluate, parse

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "vectors", "filters", "match.json")
RECEIVED = "2026-11-28T10:00:00Z"


def entry(message, severity=0, source="", stream="web", seq=None, time=None, received=RECEIVED, kind="log",
          **attributes):
    return {"stream": stream, "seq": seq, "time": time, "received": received, "severity": severity, "source": source,
            "message": message, "attributes": attributes.pop("attributes", attributes), "kind": kind}


def double(text):
    return {"$double": text}


def hexed(data):
    return {"$hex": data.hex()}


ENTRIES = [
    # 1 to 4: filter.md, section 4
    entry("GET /api/v1/users took 12ms", 9, "web", status=200, ms=12, path="/api/v1/users"),
    entry("GET /api/v1/orders took 2150ms", 17, "web", status="503", ms=2150.5, user="Bob Smith"),
    entry("Connection not found", 13, "db", http={"request": {"method": "GET"}}, tags=["slow", 7]),
    entry("\x1b[32mDEBUG \x1b[0mretry in 5 s"),
    # 5 to 12: text
    entry(hexed(b"caf\xe9 \xff\xfe na\xc3\xafve"), 1, hexed(b"p\xe9")),
    entry("École, Straße, ΣΑΣ, 300 K, İstanbul", 4, "Ünit"),
    entry(""),
    entry("\x1b[1;31m\x1b[0m", 5, "a*b"),
    entry("\x1b[\x1b[0m31mred\x1b[38:5:1mder \x1b[2J", 8, "Nginx"),
    entry("idle uuid", 10, "a..b"),
    entry("the id, an id_ and éid", 12),
    entry("first line\nsecond \"line\"\tand C:\\temp std::string http://host:80/x?a=b 12:30 (x) -> foo-bar a|b", 16),
    # 13 to 24: attributes
    entry("null and booleans", 18, attributes={"n": None, "t": True, "f": False, "e": "", "l": [], "m": {}}),
    entry("whole numbers", 20, n=0, t=-1, big=9007199254740993, max=2**63 - 1, min=-2**63),
    entry("doubles", 21, n=0.25, t=double("-0.0"), big=double("9007199254740992.0"), max=1.5e300, min=double("5e-324")),
    entry("what is no number", 24, n=double("nan"), t=double("inf"), f=double("-inf")),
    entry("forms of doubles", 0, attributes={
        "n": double("1e16"), "t": double("9007199254740994.0"), "f": 1e-05, "big": 0.0001, "max": double("100.0")}),
    entry("texts of numbers", 0, attributes={
        "n": "007", "t": "1e3", "f": "-0", "big": "9007199254740993.0", "max": "9223372036854775808", "min": "1" * 65,
        "no": "+5", "half": ".5", "space": " 5"}),
    entry("dots", 0, attributes={
        "a.b": 1, "a": {"b": 2, "b.c": 3, "": 9}, "a.b.c": {"d": 4}, "x": {"y.z": {"": {"w": 5}}}}),
    entry("lists", 0, a=[1, "two", [3.5, ["four"]], {"b": 6}, None], b=[{"c": 1}], c=[[]]),
    entry("bytes", 0, n={"$bytes": b"12".hex()}, t={"$bytes": b"caf\xe9".hex()}, e={"$bytes": ""}),
    entry("names of fields", 0, attributes={
        "level": "high", "message": "m", "Level": 3, "a b": 1, "ü": 2, "@t": 3, "a-b": 4, "seq": "x"}),
    entry("texts", 0, user="bob smith", path="/API/v1/*", v="1.2.3", ip="10.0.0.1", size="10MB", r="1..5",
          q='say "hi"'),
    entry("dots of nothing", 0, attributes={"a": "text", "a.b.c": True, "m": {"n": {"o": [{"p": 1}, 7]}}}),
    # 25 to 31: kinds, streams
    entry("disk is full", 17, kind="status"),
    entry("done", 0, kind="complete"),
    entry("in a part", 9, stream="docker/nginx"),
    entry("in a part of a part", 9, stream="docker/a/nginx"),
    entry("from the server", 9, stream="$status"),
    entry("in another case", 9, stream="Docker/nginx"),
    entry("of a task", 11, stream="task/42", seq=42),
    # 32 to 40: numbers and times
    entry("the last number", 3, seq=2**63 - 1),
    entry("before the last", 7, seq=2**63 - 2),
    entry("late", 14, time="2026-11-28T09:59:59.999999999Z", received="2026-11-28T11:00:00Z"),
    entry("on time", 15, time="2026-11-28T10:00:00.000000001Z", received="2026-11-28T09:00:00Z"),
    entry("long ago", 22, time="1969-12-31T23:59:59.999999999Z"),
    entry("next year", 23, time="2027-01-01T00:30:00+01:00"),
    entry("-5 NOT AND OR not and or", 2, "OR"),
    entry("error: code=17, level:warn {x} 'y' `z` !a ~b 100% a*b", 19, "x,y(z)"),
    entry("kK\u212a \ufeff\u00a0x", 6, "\u212a"),
]
for number, each in enumerate(ENTRIES, 1):
    each["seq"] = each["seq"] or number

def lines(name):
    """The lines of a file beside this one, without those that are empty or begin with #."""
    with open(os.path.join(os.path.dirname(__file__), name), encoding="utf-8") as file:
        return [line for line in file.read().split("\n") if line and not line.startswith("#")]


FILTERS = lines("filters.txt") + [
    "", " \t\n", "get\ttook", "get\nOR\nretry", "(\nget\t)", "status:(200\n,\t503 )",
    '"line\nsecond"', "\u212a", "=\u212a", "\ufeff", "\u00a0x",
    "source:\u212a", "get\u00a0took", "İstanbul", "i\u0307stanbul"]

REFUSED = lines("refused_filters.txt") + ["\"\0\"", "a\1", "a\rb", "\x1b", "a\x7f", "\x85", "/a\nb/ AND", "a:\nb"]

# What is at a limit, and what is one above it.
AT_LIMITS = [
    "a" * 16384, "é" * 8192, " ".join(["e"] * 512), f"n:({','.join(['0'] * 511)})", "(" * 32 + "e" + ")" * 32,
    "NOT " * 32 + "e", "NOT -(" * 10 + "NOT -e" + ")" * 10, " ".join(["/e/"] * 32)]
ABOVE_LIMITS = [
    "a" * 16385, "é" * 8193, " ".join(["e"] * 513), f"n:({','.join(['0'] * 512)})", "(" * 33 + "e" + ")" * 33,
    "NOT " * 33 + "e", "NOT -(" * 10 + "NOT -(e)" + ")" * 10, " ".join(["/e/"] * 33)]


def main():
    entries = [entry_of(each) for each in ENTRIES]
    rows = []
    for text in FILTERS + AT_LIMITS:
        tree = parse(text)
        matches = [number for number, each in enumerate(entries, 1) if evaluate(tree, *each)]
        rows.append({"filter": text, "matches": matches})
    for text in REFUSED + ABOVE_LIMITS:
        try:
            parse(text)
        except BadFilter:
            continue
        raise AssertionError(f"is not refused: {text}")
    texts = FILTERS + AT_LIMITS + REFUSED + ABOVE_LIMITS
    assert len(set(texts)) == len(texts), [text for text in texts if texts.count(text) > 1]
    parts = {"entries": ENTRIES, "filters": rows, "refused": REFUSED + ABOVE_LIMITS}
    with open(PATH, "w", encoding="ascii") as file:
        file.write("{\n" + ",\n".join(
            f'  "{name}": [\n' + ",\n".join("    " + json.dumps(row) for row in rows) + "\n  ]"
            for name, rows in parts.items()) + "\n}\n")


if __name__ == "__main__":
    main()
