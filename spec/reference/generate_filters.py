#!/usr/bin/python3
"""Makes filters, and entries to try them on, from a seed.

    generate_filters.py [--seed N] [--count N] [FILE...]   prints filters about the lines of FILE and about entries made
                                                           up, each with how many of these it lets through

The filters mix every form of the language. What they look for is taken out of the entries, so that many let some
through. A few are refused: they hold pieces of messages as they are."""
import argparse
import datetime
import random
import re
import struct

import perl_regex
from filter import BadFilter, evaluate, flattened, parse, text_of
from filter_grammar import FIELDS, KINDS, LEVELS

TIME = 1_767_225_600_000_000_000
WORDS = ("timeout", "Connection", "reset", "GET", "took", "École", "straße", "ΣΑΣ", "id", "uuid", "user_id", "/api/v1",
         "=x", "a*b", "x\"y", "C:\\temp", "std::string", "http://host/x", "12:30", "not", "AND", "(x)", "{y}", "a|b",
         "100%", "\t", "-v", "日本")
RAW = (b"\xff", b"\xc3", b"caf\xe9", b"\xed\xa0\x80", b"\x1b[31m", b"\x1b[0m", b"\x1b[1;38:5:1m", b"\x1b[2J", b"\n",
       b"\0", b"\xe2\x80\xa8")
KEYS = ("status", "ms", "user", "path", "trace_id", "http", "request", "method", "a", "b", "a.b", "level", "source",
        "tags", "ünit", "x y", "@t", "n-1", "$ref")
NUMBERS = (0, 1, -1, 7, 200, 404, 503, 2**53, 2**53 + 1, 2**63 - 1, -2**63)
DOUBLES = (0.0, -0.0, 0.5, 2150.5, 200.0, 1e-5, 0.0001, 2.0**53, 2.0**53 + 2, 1e16, 1e300, 5e-324, float("inf"),
           float("-inf"), float("nan"))
TEXTS = (b"", b"200", b"007", b"1e3", b"-0", b"5 s", b"10MB", b"1.2.3", b"1..5", b"true", b"null", b"Bob Smith", b"bob",
         b"GET", b"/api/v1/*", b"9007199254740993", b"9223372036854775808", b"caf\xe9", "Ünit".encode(), b"a\nb")
SOURCES = (b"", b"web", b"nginx", b"Nginx", b"a*b", "Ünit".encode(), b"p\xe9", b"x y", b"db/1")


def make_entries(chance, count):
    """Entries without sequence numbers, as decoder.py returns them."""
    def value(depth):
        kind = chance.choice(("empty", "string", "string", "boolean", "integer", "integer", "double", "double", "bytes")
                             + ("list", "map") * (depth < 3))
        if kind == "list":
            return (kind, [value(depth + 1) for _ in range(chance.randrange(4))])
        if kind == "map":
            return (kind, members(depth + 1, chance.randrange(4)))
        values = {"empty": (None,), "boolean": (0, 1), "integer": NUMBERS, "double": DOUBLES}.get(kind, TEXTS)
        content = chance.choice(values)
        return (kind, struct.pack("<d", content) if kind == "double" else content)

    def members(depth, size):
        return [(key.encode(), value(depth)) for key in chance.sample(KEYS, size)]

    def message():
        if chance.random() < 0.1:
            return chance.choice((b"", b"\x1b[0m", b" "))
        pieces = [chance.choice(RAW) if chance.random() < 0.15 else cased(chance, chance.choice(WORDS)).encode()
                  for _ in range(chance.randint(1, 8))]
        return chance.choice((b" ", b" ", b"")).join(pieces)

    return [{"time": chance.choice((0, TIME + chance.randrange(10**12))),
             "severity": chance.choice((0, chance.randint(1, 24))), "source": chance.choice(SOURCES),
             "message": message(), "kind": int(chance.random() < 0.1), "attributes": members(0, chance.randrange(6))}
            for _ in range(count)]


def cased(chance, text):
    return chance.choice((str, str, str, str.lower, str.upper, str.title))(text)


# What filters of other languages are made of, and what this one is made of at places where it has a meaning.
FOREIGN = (
    "&&", "||", "!", "|=", "|~", "~=", "=~", "!=", "==", "<>", "=>", "::", ":=", ":", "~", "~*", "<", ">=", "=",
    "[", "]", "[1 TO 5]", "{", "}", " TO ", " in (1,2)", " IN ", " like ", " contains ", " is null", " exists",
    "AND", "OR", "NOT", " and ", " or ", " not ", "XOR", "(", ")", "()", ",", ", ,", "+", "-", "--", "-(", "?", "??", "*",
    "**", "^2", "~1", "%", "_", "/", "//", "/i", "/g", "/x/", "/a b/", "\\", "\"", "\"\"", "'", "“", "”", "‘x’", "≥", "≤", "≠",
    "has:", "_exists_:", "severity", "Level:", "level:", "level>=", "msg:", "attr.", "attributes.", "@timestamp:", "source:",
    "stream:", "time:", "time>=", "seq:", "kind:", "..", "1..2", "...", "5xx", "10ms", "1.5s", "2kb", "1e3", "0x10", "-5",
    "yesterday", "2026-02-30", "2026-11-28T10:00Z", "10.0.0.0/8", "https://x/", "a.b", "\t", "\n", "é", "日", "#", "$", "@", ";",
)


class Generator:
    """Filters about `samples`, pairs of an entry and its stream."""

    def __init__(self, chance, samples):
        self.chance, self.samples = chance, samples

    def filter(self):
        """(text, tree); the tree is None if it is refused."""
        while True:
            text = self.expression(0)
            try:
                return text, parse(text)
            except BadFilter as refusal:
                # What people would write is rarely refused.
                if self.chance.random() < 0.2 and refusal.reason != "a control character":
                    return text, None
            except perl_regex.Unsupported:
                pass

    def near(self):
        """The same for a text that is a slip of the pen, or a habit from another language, away from a filter."""
        while True:
            text = self.expression(0)
            for _ in range(self.chance.choice((1, 1, 1, 2, 3))):
                text = self.changed(text)
            # Control characters are refused before anything else is looked at.
            if any(c < " " and c not in "\t\n\r" for c in text):
                continue
            try:
                return text, parse(text)
            except BadFilter as refusal:
                return text, refusal
            except perl_regex.Unsupported:
                pass

    def changed(self, text):
        chance = self.chance
        begin = chance.randrange(len(text) + 1)
        end = min(len(text), begin + chance.choice((0, 0, 0, 1, 1, 2, 5)))
        piece = chance.choice((chance.choice(FOREIGN), chance.choice(FOREIGN), " ", "", text[begin:begin + 4]))
        return text[:begin] + piece + text[end:]

    def expression(self, depth):
        chance = self.chance
        if depth > 3 or chance.random() < 0.4 + depth * 0.1:
            return self.term()
        form = chance.choice((
            "{0} {1}", "{0} AND {1}", "{0} OR {1}", "{0} OR {1}", "({0})", "({0} OR {1}) {2}", "-({0})", "NOT {0}",
            "-{3}", "{3} -{4}", "NOT ({0})\nAND {1}", "{3} OR {4} OR {5}", "( {0} )"))
        return form.format(*(self.expression(depth + 1) if place < 3 else self.term() for place in range(6)))

    def term(self):
        return self.chance.choice((
            self.word, self.word, self.phrase, self.whole_word, self.regex, self.level, self.text_field, self.kind,
            self.stream, self.seq, self.time, self.attribute, self.attribute, self.attribute, self.attribute))()

    # Pieces

    def sample(self):
        return self.chance.choice(self.samples)

    def piece(self, data=None):
        """A piece of a message, or of `data`."""
        chance = self.chance
        text = (self.sample()[0]["message"] if data is None else data).decode(errors="ignore")
        text = re.sub("\x1b\\[[0-9;:]*m", "", text)
        words = text.split()
        if words and chance.random() < 0.6:
            text = chance.choice(words)
        if chance.random() < 0.6:
            begin = chance.randrange(len(text) + 1)
            text = text[begin:begin + chance.randint(1, 12)]
        return cased(chance, text)

    def quoted(self, text):
        escapes = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
        return '"' + "".join(escapes.get(c, c) for c in text) + '"'

    def written(self, text):
        """The text as a value: as it is, or in quotation marks."""
        plain = re.fullmatch(r"[A-Za-z0-9_.\x80-\U0010ffff][^\s()*,]*", text)
        return text if self.chance.random() < (0.8 if plain else 0.05) else self.quoted(text)

    def globbed(self, text):
        if self.chance.random() < 0.3 and re.fullmatch(r"[^\s(),\"]+", text):
            begin = self.chance.randrange(len(text))
            return text[:begin] + "*" + text[begin + self.chance.randrange(1, 4):] + self.chance.choice(("", "*"))
        return self.written(text)

    # Terms

    def word(self):
        return self.written(self.piece())

    def phrase(self):
        return self.quoted(self.piece())

    def whole_word(self):
        return "=" + self.written(self.piece())

    def regex(self, data=None):
        chance = self.chance
        # Not empty: perl_regex.py does not know all about empty texts.
        text, out = self.piece(data) or "e", ""
        for c in text:
            is_plain = c.isascii() and c.isalnum()
            if c in "\n/" or not c.isprintable():
                out += {"\n": r"\n", "/": r"\/"}.get(c, ".")
            elif is_plain and chance.random() < 0.25:
                one = r"\d" if c.isdigit() else r"[[:alpha:]]"
                out += chance.choice((".", r"\w", one, r"\w+", f"[{c}-{c}_]", f"(?:{c}|-)", f"{c}{{1,2}}"))
            elif chance.random() < 0.25:
                out += chance.choice((".", r"\S", r"\D", "[^x]"))
            else:
                out += re.escape(c) if c.isascii() and not is_plain and c != " " else c
        begin = chance.choice(("", "", "", "^", r"\b", ".*", r"\s"))
        end = chance.choice(("", "", "", "$", r"\b", ".+", "|zz"))
        return f"/{begin}{out}{end}/" + chance.choice(("", "", "i"))

    def level(self):
        def one():
            name = cased(self.chance, self.chance.choice(list(LEVELS)))
            return self.chance.choice((name, str(self.chance.randint(1, 24))))
        return self.numeric("level", one)

    def seq(self):
        return self.numeric("seq", lambda: str(self.sample()[0]["sequence"]))

    def time(self):
        def one():
            entry = self.sample()[0]
            return shown_time((entry["time"] or entry["received"]) + self.chance.randint(-1, 1))
        form = self.chance.choice(("time{0}{1}", "time{0}{1}", "time:{1}..", "time:..{1}", "time:{1}..{2}"))
        return form.format(self.order(), one(), one())

    def numeric(self, name, one):
        form = self.chance.choice((
            "{0}:{1}", "{0}{2}{1}", "{0}{2}{1}", "{0}:({1},{3})", "{0}:{1}..{3}", "{0}:..{1}", "{0}:{1}..", "{0}!={1}",
            "{0}:*", "{0}!=({1}, {3}..)", "-{0}:{1}"))
        return form.format(name, one(), self.order(), one())

    def order(self):
        return self.chance.choice((">", ">=", "<", "<="))

    def text_field(self):
        name = self.chance.choice(("source", "source", "message"))
        return self.compared(name, self.sample()[0][name])

    def kind(self):
        form = self.chance.choice(("kind:{}", "kind!={}", "kind:({},log)", "kind:*"))
        return form.format(self.chance.choice(list(KINDS)))

    def stream(self):
        chance, name = self.chance, self.sample()[1].decode()
        parts = name.split("/")
        parts[chance.randrange(len(parts))] = chance.choice(("*", "**", "?*"))
        pattern = "/".join(parts)
        return chance.choice((
            f"stream:{name}", f"stream:{pattern}", f"stream:(x,{pattern})", f"stream!={pattern}", f"stream!={name}",
            f"stream~{self.quoted(name[-4:])}", "stream:*", f"stream~{self.regex(name.encode())}"))

    def attribute(self):
        chance = self.chance
        for _ in range(50):
            entry = self.sample()[0]
            if entry["attributes"]:
                break
        else:
            return self.compared("nothing", b"x")
        members, names = entry["attributes"], []
        while True:
            key, value = chance.choice(members)
            names.append(key.decode(errors="ignore"))
            if value[0] != "map" or not value[1] or chance.random() < 0.2:
                break
            members = value[1]
        texts = [text for text in map(text_of, flattened([value])) if text is not None]
        return self.compared(self.name(".".join(names)), chance.choice(texts or [b"x"]))

    def name(self, name):
        is_bare = re.fullmatch(r"[A-Za-z_@$\x80-\U0010ffff][A-Za-z_@$\x80-\U0010ffff0-9.-]*", name)
        return name if name not in FIELDS and is_bare and self.chance.random() < 0.9 else self.quoted(name)

    def compared(self, name, data):
        chance = self.chance
        text, other = data.decode(errors="ignore"), self.sample()[0]["source"].decode(errors="ignore")
        if re.fullmatch(r"-?[0-9]{1,15}(\.[0-9]+)?", text) and chance.random() < 0.7:
            near = chance.choice((text, str(int(float(text)) + chance.randint(-2, 2)), text + ".0", text + "e0"))
            form = chance.choice((
                "{0}{1}{2}", "{0}{1}{2}", "{0}:{2}..", "{0}:..{2}", "{0}:{3}..{2}", "{0}:{2}", "{0}!={2}",
                "{0}:({3},{2}..)", "{0}~{2}"))
            return form.format(name, self.order(), near, text)
        form = chance.choice((
            "{0}:{1}", "{0}:{1}", "{0}={1}", "{0}!={1}", "{0}:({1},{2})", "{0}!=( {1} , {2} )", "{0}~{3}", "{0}!~{3}",
            "{0}{5}{6}", "{0}~{4}", "{0}!~{4}", "{0}:*", "-{0}:*", "-{0}:{1}"))
        text = cased(chance, text) if chance.random() < 0.5 else text
        return form.format(
            name, self.globbed(text), self.written(other), self.written(self.piece(data)), self.regex(data),
            self.order(), self.written(text))


def shown_time(time):
    """A time in nanoseconds since 1970, as filters have it."""
    seconds, fraction = divmod(time, 10**9)
    moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)
    return moment.isoformat() + (f".{fraction:09}" if fraction else "") + "Z"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("files", nargs="*", metavar="FILE")
    given = parser.parse_args()
    chance = random.Random(given.seed)
    samples = [({**entry, "sequence": number, "received": TIME}, b"made/up")
               for number, entry in enumerate(make_entries(chance, 200), 1)]
    blank = {"time": 0, "severity": 0, "source": b"", "kind": 0, "attributes": [], "received": TIME}
    for path in given.files:
        with open(path, "rb") as file:
            lines = file.read().splitlines()
        for number, line in enumerate(lines[:200], 1):
            samples.append(({**blank, "sequence": number, "message": line}, b"files/one"))
    generator = Generator(chance, samples)
    for _ in range(given.count):
        text, tree = generator.filter()
        count = sum(evaluate(tree, *sample) for sample in samples) if tree else "refused"
        print(f"{count}\t{text!r}")


if __name__ == "__main__":
    main()
