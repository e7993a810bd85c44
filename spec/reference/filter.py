#!/usr/bin/python3
"""Reference evaluator of the filter language: filter.md, section 3; section 2 is in filter_grammar.py. Slow, strict,
and written from the text alone.

    filter.py FILTER [FILE]   prints the lines of FILE or stdin that the filter lets through; they are as
                              `logs follow -o json` writes them

parse(text) returns a tree, or raises BadFilter with the column. evaluate(tree, entry, stream) says whether it is true
for an entry as decoder.py returns them, with one thing more: `received`, from its batch."""
import json
import re
import struct
import sys

from filter_grammar import FIELDS, KINDS, BadFilter, number, parse

# 3. Meaning ----------------------------------------------------------------------------------------------------------

def evaluate(tree, entry, stream):
    """Whether the filter is true for an entry of the stream, whose name is bytes."""
    if tree[0] == "all":
        return True
    if tree[0] in ("and", "or"):
        return (all if tree[0] == "and" else any)(evaluate(part, entry, stream) for part in tree[1])
    if tree[0] == "not":
        return not evaluate(tree[1], entry, stream)
    _, field, check = tree
    values = field_values(field, entry, stream)
    if check[0] == "there":
        return bool(values)
    is_exact, has_numbers = field == "stream", isinstance(field, tuple)
    return any(holds(check, value, is_exact, has_numbers) for value in flattened(values))


def field_values(field, entry, stream):
    """The values of a field as (type, content), as decode_value returns them; none if it is absent."""
    message = re.sub(rb"\x1b\[[0-9;:]*m", b"", entry["message"])
    if field == "text":
        return [("string", message)]
    if field in ("message", "source"):
        text = message if field == "message" else entry["source"]
        return [("string", text)] if text else []
    if field == "stream":
        return [("string", stream)]
    if isinstance(field, tuple):
        return find(field[1].encode(), entry["attributes"])
    numbers = {"level": entry["severity"], "kind": entry["kind"], "seq": entry["sequence"],
               "time": entry["time"] or entry["received"]}
    return [("integer", numbers[field])] if field != "level" or entry["severity"] else []


def holds(check, value, is_exact, has_numbers):
    """Whether a value, no list, passes a check."""
    if check[0] == "between":
        found = number_of(value)
        return found is not None and (check[1] is None or compare(check[1], found) in (-1, 0)) \
            and (check[2] is None or compare(found, check[2]) in (-1, 0))
    text = text_of(value)
    if text is None:
        return False
    if check[0] == "matches":
        return bool(check[1].search(text.decode(errors="surrogateescape")))
    if check[0] == "pattern":
        return matches_pattern(check[1].encode(), text)
    given = check[-1].encode()
    if check[0] in ("equals", "order") and has_numbers:
        found, wanted = number_of(value), number(check[-1])
        if found is None and wanted is not None and check[0] == "order":
            return False
        if found is not None and wanted is not None:
            truths = {"equals": (0,), ">": (1,), ">=": (0, 1), "<": (-1,), "<=": (-1, 0)}[check[-2]]
            return compare(found, wanted) in truths
    if check[0] == "order":
        return {">": text > given, ">=": text >= given, "<": text < given, "<=": text <= given}[check[1]]
    if not is_exact and fold(given) == given:
        text = fold(text)
    if check[0] == "contains":
        return given in text
    if check[0] == "equals":
        return given == text
    if check[0] == "glob":
        return bool(re.fullmatch(b".*".join(map(re.escape, given.split(b"*"))), text, re.DOTALL))
    assert check[0] == "word"
    return bool(re.search(rb"(?<![A-Za-z0-9_\x80-\xff])" + re.escape(given) + rb"(?![A-Za-z0-9_\x80-\xff])", text))


# 3.1 Text

def fold(data):
    """The text in lower case. What str.lower makes of one character is the simple mapping, but for U+0130, which
    becomes two characters."""
    def folded(c):
        lower = c.lower()
        return lower if c.isascii() or len(lower) == 1 and not lower.isascii() else c
    return "".join(map(folded, data.decode(errors="surrogateescape"))).encode(errors="surrogateescape")


def matches_pattern(pattern, name):
    """decisions/0007-patterns.md"""
    if name.startswith(b"$") and not pattern.startswith(b"$"):
        return False
    form = {b"**": b".*", b"*": b"[^/]*", b"?": b"[^/]"}
    pieces = re.findall(rb"\*\*|[*?]|[^*?]+", pattern)
    return bool(re.fullmatch(b"".join(form.get(piece) or re.escape(piece) for piece in pieces), name))


# 3.3 Attributes

def find(name, members):
    """The values that a name stands for."""
    found = [value for key, value in members if key == name]
    for at in (at for at, byte in enumerate(name) if byte == ord(".")):
        for key, value in members:
            if key == name[:at]:
                for type, content in flattened([value]):
                    if type == "map":
                        found += find(name[at + 1:], content)
    return found


def flattened(values):
    for value in values:
        if value[0] == "list":
            yield from flattened(value[1])
        else:
            yield value


def text_of(value):
    type, content = value
    if type in ("string", "bytes"):
        return content
    if type == "double":
        return double_text(struct.unpack("<d", content)[0]).encode()
    if type == "integer":
        return b"%d" % content
    return {"empty": b"null", "boolean": b"true" if content else b"false", "map": None}[type]


def double_text(double):
    """As repr, which gives the shortest form, too, but has no exponent below 10^16."""
    text = repr(double)
    if not 2**53 < abs(double) < 1e16:
        return text
    digits = text.removeprefix("-").removesuffix(".0")
    fraction = digits[1:].rstrip("0")
    return f"{'-' if double < 0 else ''}{digits[0]}{'.' if fraction else ''}{fraction}e+{len(digits) - 1}"


def number_of(value):
    type, content = value
    if type in ("string", "bytes"):
        return number(content.decode("latin-1"))
    return content if type == "integer" else struct.unpack("<d", content)[0] if type == "double" else None


def compare(a, b):
    """-1, 0 or 1; None if one of them is NaN."""
    if not (isinstance(a, int) and isinstance(b, int)):
        a, b = float(a), float(b)
    return None if a != a or b != b else (a > b) - (a < b)


# Entries in JSON -----------------------------------------------------------------------------------------------------

def entry_of(fields):
    """(entry, stream) of an entry as `logs follow -o json` writes it, and as vectors/README.md extends that."""
    def data(text):
        return bytes.fromhex(text["$hex"]) if isinstance(text, dict) else text.encode(errors="surrogatepass")

    def value(given):
        if given is None:
            return ("empty", None)
        if isinstance(given, bool):
            return ("boolean", int(given))
        if isinstance(given, int) and -2**63 <= given < 2**63:
            return ("integer", given)
        if isinstance(given, (int, float)):
            return ("double", struct.pack("<d", given))
        if isinstance(given, str):
            return ("string", data(given))
        if isinstance(given, list):
            return ("list", [value(each) for each in given])
        if list(given) == ["$hex"]:
            return ("string", data(given))
        if list(given) == ["$bytes"]:
            return ("bytes", bytes.fromhex(given["$bytes"]))
        if list(given) == ["$double"]:
            return ("double", struct.pack("<d", float(given["$double"])))
        return ("map", [(key.encode(), value(each)) for key, each in given.items()])

    def time(text):
        return FIELDS["time"].numbers(text)[0] if text else 0

    entry = {"sequence": fields["seq"], "time": time(fields["time"]), "received": time(fields["received"]),
             "severity": fields["severity"], "source": data(fields["source"]), "message": data(fields["message"]),
             "kind": KINDS[fields["kind"]],
             "attributes": [(key.encode(), value(each)) for key, each in fields["attributes"].items()]}
    return entry, fields["stream"].encode()


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    try:
        tree = parse(sys.argv[1])
    except BadFilter as problem:
        sys.exit(f"filter.py: {problem}")
    with open(sys.argv[2] if len(sys.argv) == 3 else 0, encoding="utf-8") as file:
        for line in file:
            if evaluate(tree, *entry_of(json.loads(line))):
                print(line, end="")


if __name__ == "__main__":
    main()
