"""What compare-filters.py holds answers against: the filters, what the reference evaluator says, and what differs."""
import time

from decoder import quote, show_value
from filter import evaluate
from generate_filters import Generator

DIFFERENCES_MAX = 20


def content(entry):
    return {name: each for name, each in entry.items() if name != "received"}


def describe(key, entry):
    lines = [f"{key[0].decode()} {key[1]}: {quote(entry['message'])}"]
    for name in ("time", "received", "severity", "kind"):
        lines.append(f"  {name} {entry[name]}")
    lines.append(f"  source {quote(entry['source'])}")
    lines += [f"  {quote(name)} = {show_value(each)}" for name, each in entry["attributes"]]
    return "\n    ".join(lines)


class Reference:
    """The filters, the entries that they are made of, and what the evaluator says."""

    def __init__(self, entries, chance, count):
        self.entries = entries
        self.known = {key: content(entry) for key, entry in entries.items()}
        generator = Generator(chance, [(entry, key[0]) for key, entry in sorted(entries.items())])
        self.filters = [generator.filter() for _ in range(count)]
        self.passing = [self.evaluated(number, entries) for number in range(count)]

    def evaluated(self, number, entries):
        """None if the filter is refused."""
        tree = self.filters[number][1]
        return None if tree is None else {key for key, entry in entries.items() if evaluate(tree, entry, key[0])}

    def expected(self, entries):
        """What passes each filter of entries that are the same but for some."""
        changed = {key: entry for key, entry in entries.items() if not self.is_same(key, entry)}
        return [None if passing is None else (passing & entries.keys()) - changed.keys() | self.evaluated(number, changed)
                for number, passing in enumerate(self.passing)]

    def is_same(self, key, entry):
        """Whether every filter says the same about it as about the one that is known."""
        before = self.entries.get(key)
        return before and content(before) == content(entry) and (entry["time"] or before["received"] == entry["received"])

    def part(self, index, count):
        """{stream: entries}, one of `count` parts of each stream."""
        streams = {}
        for (stream, _), entry in sorted(self.entries.items()):
            streams.setdefault(stream, []).append(entry)
        return {stream: all[len(all) * index // count:len(all) * (index + 1) // count] for stream, all in streams.items()}


class Report:
    def __init__(self, reference):
        self.reference, self.difference_count, self.rows = reference, 0, []

    def difference(self, phase, way, number, text):
        self.differs(phase, f"{way}, filter {number}", self.reference.filters[number][0], text)

    def differs(self, phase, way, filter, text):
        self.difference_count += 1
        if self.difference_count <= DIFFERENCES_MAX:
            print(f"{phase}, {way}: {filter!r}\n    {text}", flush=True)

    def compare(self, phase, way, number, is_answered, found, expected, problem, show):
        """`found` and `expected` are None where a filter is refused; `show` says in words how they differ."""
        if problem:
            self.difference(phase, way, number, problem)
        elif (expected is None) != (not is_answered):
            self.difference(phase, way, number, f"the reference {'refuses' if expected is None else 'takes'} it, the "
                                                f"server {found if not is_answered else 'takes it'}")
        elif expected is not None and found != expected:
            self.difference(phase, way, number, show())

    def compare_sets(self, phase, way, number, entries, found, expected, refusal=None, problem=None):
        def show():
            key = min(expected ^ found)
            if key not in entries:
                return f"the server shows {key}, which is not there"
            answer = "lets through" if key in expected else "holds back"
            return (f"{len(expected - found)} entries are missing, {len(found - expected)} too many; the first one the "
                    f"reference {answer}, the server does not:\n    {describe(key, entries[key])}")
        self.compare(phase, way, number, refusal is None, refusal or found, expected, problem, show)

    def compare_values(self, phase, way, number, found, expected, refusal=None, problem=None):
        self.compare(phase, way, number, refusal is None, refusal or found, expected, problem,
                     lambda: f"the server says {found}, the reference {expected}")

    def add(self, phase, way, filter_count, answer_count, begun):
        self.rows.append((phase, way, filter_count, answer_count, time.monotonic() - begun))

    def show(self):
        print(f"{'phase':<10} {'way':<22} {'filters':>8} {'entries':>10} {'s':>7}")
        for phase, way, filter_count, answer_count, seconds in self.rows:
            print(f"{phase:<10} {way:<22} {filter_count:>8} {answer_count:>10} {seconds:>7.1f}")


# What is made of the entries that pass

def last_of(keys, count):
    """The last few of each stream."""
    streams = {}
    for key in sorted(keys, reverse=True):
        if len(streams.setdefault(key[0], [])) < count:
            streams[key[0]].append(key)
    return {key for some in streams.values() for key in some}


def spans(keys, entries, width):
    found = {}
    for key in keys:
        entry = entries[key]
        moment, level = entry["time"] or entry["received"], (entry["severity"] + 3) // 4
        found.setdefault(moment // width * width, [0] * 7)[level] += 1
    return found


def merged(keys, entries, is_reverse):
    """In the order of a query: that of numbers in a stream, streams merged by the times of their next entries."""
    streams, order = {}, []
    for key in sorted(keys, reverse=not is_reverse):
        streams.setdefault(key[0], []).append(key)
    sign = -1 if is_reverse else 1
    while streams:
        def place(stream):
            entry = entries[streams[stream][-1]]
            return sign * (entry["time"] or entry["received"]), stream
        first = min(streams, key=place)
        order.append(streams[first].pop())
        if not streams[first]:
            del streams[first]
    return order
