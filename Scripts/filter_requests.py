"""Requests with filters, many at a time over one connection, for compare-filters.py.

Each request has `found`, once `is_over`; or `refusal`, the server's words; or `problem`, what the server did that
session.md does not allow. Those that follow keep (stream, sequence number) -> time received, and compare everything
else in an entry with what is known of it at once."""
import itertools

from client import CREDIT, Failed
from decoder import FILTER, Refused, decode_run

BAD_REQUEST = 11
LIMIT, UNTIL, START = 2, 3, 5
FILTERED = 1


class Request:
    # How many may be in flight on a connection.
    in_flight_max = 32

    def __init__(self, text, pattern):
        self.text, self.pattern = text, pattern
        self.found = self.refusal = self.problem = None
        self.is_over = False

    def asked(self):
        """The selectors and the extension of its first frame."""
        return {"selectors": [(1, self.pattern.encode())], "extensions": [(FILTER, self.text.encode())]}

    def take(self, message):
        if message["type"] == "ERROR":
            text = message["text"].decode(errors="replace")
            if message["code"] == BAD_REQUEST:
                self.refusal = text
            else:
                self.problem = f"error {message['code']}: {text}"
            self.is_over = True
            return
        try:
            self.answer(message)
        except (Failed, Refused) as problem:
            self.problem, self.is_over = str(problem), True


class Count(Request):
    """How many entries pass."""
    in_flight_max = 4
    kind, width = 1, 0

    def begin(self, connection, id):
        connection.send("QUERY", id, kind=self.kind, width=self.width, **self.asked())

    def answer(self, message):
        if message["type"] == "RESULT":
            self.is_over = True
            if message["missing"] or message["resultFlags"] & 1:
                raise Failed(f"{message['missing']} entries are missing, or the answer is capped")
            self.found = self.result(message)
        elif message["type"] != "PROGRESS":
            raise Failed(f"{message['type']} in place of RESULT")

    def result(self, message):
        return message["entries"]


class Histogram(Count):
    """How many pass in each span of time, by level."""
    kind = 2

    def __init__(self, text, pattern, width):
        super().__init__(text, pattern)
        self.width = width

    def result(self, message):
        spans = {start: list(counts) for start, *counts in message["spans"]}
        if sum(map(sum, spans.values())) != message["entries"]:
            raise Failed("the spans do not add up to the entries")
        return spans


class Follow(Request):
    """The entries that pass, forward; until the heads unless it is live.

    `known` has what is known of the entries, but for when they were received; it may grow meanwhile. After a cut `begin`
    on another connection goes on behind what was delivered."""

    start, flags = 0, 2

    def __init__(self, text, pattern, known):
        super().__init__(text, pattern)
        self.known, self.found, self.positions, self.is_live = known, {}, {}, False

    def begin(self, connection, id):
        self.connection, self.id = connection, id
        self.handles, self.is_resolved, self.is_live = {}, False, False
        self.taken, self.allowed = 0, CREDIT
        cursors = [(name, *position) for name, position in self.positions.items()]
        connection.send("FOLLOW", id, credit=CREDIT, start=self.start, followFlags=self.flags, cursors=cursors,
                        **self.asked(), **self.more())

    def more(self):
        """Further fields of FOLLOW."""
        return {}

    def answer(self, message):
        type = message["type"]
        if type == "STREAM":
            self.announced(message)
        elif type == "RESOLVED" and not self.is_resolved and message["streams"] == len(self.handles):
            self.is_resolved = True
        elif type in ("BATCH", "SKIP") and self.is_resolved:
            if message["handle"] not in self.handles:
                raise Failed(f"{type} of a stream that was not announced")
            if type == "SKIP" and message["reason"] != FILTERED:
                raise Failed(f"{message['from']} to {message['to']} are skipped for reason {message['reason']}")
            self.cover(self.handles[message["handle"]], message)
            if type == "BATCH":
                self.deliver(self.handles[message["handle"]], message)
        elif type == "LIVE" and self.flags == 0 and self.is_resolved and not self.is_live:
            self.is_live = True
        elif type == "END" and self.is_resolved:
            self.ended(message["reason"])
        elif type != "HEADS":
            raise Failed(f"{type} is not allowed now")

    def announced(self, message):
        name, position = message["stream"], message["position"]
        last = self.positions.get(name)
        if any(extension == 1 for extension, _ in message["extensions"]):
            raise Failed("the search back was given up")
        if last and (message["incarnation"], position) != last:
            raise Failed(f"{name} goes on behind {message['incarnation']} {position}, not {last}")
        self.handles[message["handle"]] = {"name": name, "incarnation": message["incarnation"], "head": message["head"],
                                           "expected": self.first_expected(position), "position": position}
        self.moved(self.handles[message["handle"]])

    def first_expected(self, position):
        return position + 1

    def cover(self, stream, message):
        if message["from"] != stream["expected"]:
            raise Failed(f"gap in {stream['name']}: from {message['from']}, expected {stream['expected']}")
        stream["expected"] = message["to"] + 1
        self.moved(stream)

    def moved(self, stream):
        self.positions[stream["name"]] = (stream["incarnation"], stream["expected"] - 1)

    def deliver(self, stream, message):
        for batch in decode_run(message, stream["name"], stream["incarnation"]):
            for entry in batch["entries"]:
                if message["from"] <= entry["sequence"] <= message["to"]:
                    self.take_entry((stream["name"], entry["sequence"]), entry, batch["received"])
        self.taken += len(message["batch"])
        if self.taken + CREDIT // 2 > self.allowed:
            self.allowed = self.taken + CREDIT
            self.connection.send("CREDIT", self.id, total=self.allowed)

    def take_entry(self, key, entry, received):
        if key in self.found:
            raise Failed(f"{key} comes twice")
        if entry != self.known.get(key, entry):
            raise Failed(f"{key} is not what was appended: {entry}")
        self.found[key] = received

    def ended(self, reason):
        if reason != UNTIL or any(stream["expected"] <= stream["head"] for stream in self.handles.values()):
            raise Failed(f"END {reason} before the heads")
        self.is_over = True


class Live(Follow):
    """New entries, too; it is over when it has come to `heads`, once they are set."""
    flags = 0
    heads = None

    def answer(self, message):
        super().answer(message)
        self.look()

    def look(self):
        if self.heads is not None:
            self.is_over = all(self.positions.get(name, (0, 0))[1] >= head for name, head in self.heads.items())


class Pages(Follow):
    """The same as one after the other, each of so many entries at most."""
    flags = 2 | 16

    def __init__(self, text, pattern, known, limit):
        super().__init__(text, pattern, known)
        self.limit, self.before = limit, 0

    def more(self):
        self.before = len(self.found)
        return {"limit": self.limit}

    def ended(self, reason):
        count = len(self.found) - self.before
        if reason == LIMIT:
            if count != self.limit:
                raise Failed(f"END limit after {count} entries of {self.limit}")
            self.begin(self.connection, self.id)
        elif count > self.limit:
            raise Failed(f"{count} entries, above the limit {self.limit}")
        else:
            super().ended(reason)


class Last(Follow):
    """The last `count` of each stream that pass."""
    start = 2

    def __init__(self, text, pattern, known, count):
        super().__init__(text, pattern, known)
        self.count = count

    def more(self):
        return {"startValue": self.count}


class Reverse(Follow):
    """The entries that pass, down from the heads to the first; with a count to the count-th last that passes."""
    flags = 1

    def __init__(self, text, pattern, known, count=None):
        super().__init__(text, pattern, known)
        self.count = count
        self.start = 0 if count is None else 2

    def more(self):
        return {} if self.count is None else {"startValue": self.count}

    def first_expected(self, position):
        return position - 1

    def cover(self, stream, message):
        if message["to"] != stream["expected"]:
            raise Failed(f"gap in {stream['name']}: to {message['to']}, expected {stream['expected']}")
        stream["expected"] = message["from"] - 1

    def moved(self, stream):
        pass

    def ended(self, reason):
        if reason != START or self.count is None and any(stream["expected"] for stream in self.handles.values()):
            raise Failed(f"END {reason} before the first entries")
        self.is_over = True


def run(connection, requests):
    """Makes all of the requests, as many at a time as there may be."""
    waiting, open, ids = list(reversed(requests)), {}, itertools.count(1)
    while waiting or open:
        while waiting and len(open) < waiting[-1].in_flight_max:
            id = next(ids)
            open[id] = waiting.pop()
            open[id].begin(connection, id)
        pump(connection, open)


def pump(connection, open):
    """Takes what has come for the open requests, and removes those that are over."""
    for message in connection.receive()[0]:
        id = message["id"]
        # Not there: a problem has ended it here, and this was under way.
        if id not in open:
            continue
        open[id].take(message)
        if open[id].is_over:
            if open[id].problem:
                connection.send("CANCEL", id)
            del open[id]
