"""The client's end of a connection that says exactly what a check wants, and what a check is.

A check is a function with a requirement of the specification; it takes the `Run` and raises Broken when the server does otherwise, or
Skipped when the server cannot be asked that.
"""
import os
import select
import struct
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, f"{ROOT}/reference")

from client import connect
from decoder import HANDSHAKE_BODY_MAX, MIB, TYPES, Header, Refused, decode_body, decode_run
from encoder import batch, column, delta, frame, join, lengths

PATIENCE_SECONDS = 20
FRAME_LIMIT, CREDIT = 4 * MIB, 1 << 40
CODES = {
    1: "protocol_violation", 2: "unsupported_version", 3: "unsupported", 4: "frame_too_large", 5: "unauthorized", 6: "forbidden",
    7: "timed_out", 8: "going_away", 9: "too_many_connections", 10: "internal_error", 11: "bad_request", 12: "overloaded",
    20: "bad_batch", 21: "out_of_order", 22: "producer_conflict", 23: "stream_sealed", 24: "too_many_streams", 25: "disk_full",
    26: "storage_failed", 40: "stream_replaced", 41: "cursor_ahead", 42: "too_many_subscriptions", 43: "filter_too_costly",
    44: "unknown_stream"}
RETRYABLE, MAYBE = 1, 2


class Broken(Exception):
    """The server does not do what the requirement says."""


class Skipped(Exception):
    """The server cannot be asked that, as it was started."""


CHECKS = []


def check(section, requirement):
    """Makes a function a check: `section` is a file of spec/ without .md, and a section in it."""
    def add(function):
        CHECKS.append((section, requirement, function))
        return function
    return add


def require(holds, otherwise):
    if not holds:
        raise Broken(otherwise)


def shown(message):
    if message is None:
        return "the end of the connection"
    if message["type"] == "ERROR":
        text = message["text"].decode(errors="replace")
        return f"ERROR {CODES.get(message['code'], message['code'])} on id {message['id']}: {text}"
    return f"{message['type'] or message['number']} on id {message['id']}"


class Run:
    """The server that is checked, and names of streams that no other run has."""

    def __init__(self, url, token, stop=None, is_slow=False):
        self.url, self.token, self.stop, self.is_slow = url, token, stop, is_slow
        self.prefix, self.count = f"conformance/{os.urandom(6).hex()}", 0
        with self.peer() as peer:
            self.welcome = peer.welcome

    def peer(self):
        """A client that has had its WELCOME."""
        return Peer(self).hello()

    def stream(self):
        """The name of a stream that does not exist."""
        self.count += 1
        return f"{self.prefix}/{self.count}".encode()

    @property
    def heartbeat(self):
        return max(self.welcome["heartbeat"], 100) / 1000

    def needs_short_heartbeat(self):
        if self.heartbeat > 2 and not self.is_slow:
            raise Skipped(f"the heartbeat is {self.heartbeat:g} s; start the server with a shorter one, or give --slow")


class Peer:
    def __init__(self, run):
        self.run, self.socket, self.input, self.welcome = run, connect(run.url), bytearray(), None
        self.next_id, self.header = 0, None
        # PING of the server's is answered unless a check is about that.
        self.answers_ping, self.pings = True, 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    # What it says

    def raw(self, data):
        """Sends bytes; a server that has closed meanwhile is no fault of the server's: its last words count."""
        try:
            self.socket.sendall(data)
        except OSError:
            pass

    def bytes(self, type, id=0, batch=b"", flags=0, changes={}, **values):
        return join(frame(type, id, [("batch", batch)] if batch else [], flags, changes, **values))

    def send(self, type, id=0, batch=b"", flags=0, changes={}, **values):
        self.raw(self.bytes(type, id, batch, flags, changes, **values))

    def hello_bytes(self, **changes):
        values = {"magic": b"LOGS", "minVersion": 1, "maxVersion": 1, "features": 0, "frameLimit": FRAME_LIMIT,
                  "client": b"conformance 1", "token": self.run.token, **changes}
        return self.bytes("HELLO", **values)

    def hello(self, **changes):
        self.raw(self.hello_bytes(**changes))
        return self.welcomed()

    def welcomed(self):
        self.welcome = self.expect("WELCOME", 0)
        return self

    def id(self):
        self.next_id += 1
        return self.next_id

    def start(self, type, batch=b"", id=None, **values):
        """Sends a request; its id."""
        id = id or self.id()
        self.send(type, id, batch, **values)
        return id

    def ask(self, type, batch=b"", **values):
        """Sends a request, and returns its final answer."""
        return self.answer(self.start(type, batch, **values))

    # What it hears

    def receive(self, seconds=PATIENCE_SECONDS):
        """The next message but PING, PONG and those of unknown types; None at the end of the connection."""
        deadline = time.monotonic() + seconds
        while True:
            message = self.take()
            if message == "more":
                pending = hasattr(self.socket, "pending") and self.socket.pending()
                left = deadline - time.monotonic()
                if not pending and (left <= 0 or not select.select([self.socket], [], [], left)[0]):
                    raise Broken(f"nothing came within {seconds:g} s")
                try:
                    data = self.socket.recv(1 << 18)
                except OSError:
                    data = b""
                if not data:
                    require(not self.input and not self.header, "the connection ended inside a frame")
                    return None
                self.input += data
            elif message["type"] == "PING":
                self.pings += 1
                if self.answers_ping:
                    self.send("PONG", token=message["token"])
            elif message["type"] == "PONG":
                if self.wanted == message["token"]:
                    return message
            elif message["type"] is not None:
                return message

    wanted = None

    def take(self):
        limit = FRAME_LIMIT if self.welcome else HANDSHAKE_BODY_MAX
        try:
            if self.header is None:
                if len(self.input) < 20:
                    return "more"
                self.header = Header(self.input[:20], limit)
                del self.input[:20]
            if len(self.input) < self.header.body_length:
                return "more"
            message = decode_body(self.header, bytes(self.input[:self.header.body_length]))
        except Refused as refusal:
            raise Broken(f"the server sent a frame that is refused: {refusal}") from refusal
        del self.input[:self.header.body_length]
        self.header = None
        return message

    def expect(self, type, id):
        message = self.receive()
        require(message and message["type"] == type and message["id"] == id, f"{shown(message)} in place of {type} {id}")
        return message

    def answer(self, id):
        """The final answer of a request that is no FOLLOW; PROGRESS before it is passed over."""
        while True:
            message = self.receive()
            require(message and message["id"] == id, f"{shown(message)} in place of an answer on id {id}")
            if message["type"] != "PROGRESS":
                return message

    def refused(self, id, code, flags=None):
        """Expects that a request, and not the connection, is refused."""
        message = self.answer(id)
        require(message["type"] == "ERROR" and CODES.get(message["code"]) == code, f"{shown(message)} in place of {code} on id {id}")
        require(flags is None or message["errorFlags"] & 3 == flags, f"{code} has the flags {message['errorFlags']}, not {flags}")
        self.goes_on()
        return message

    def refuses(self, code, type, batch=b"", flags=None, **values):
        return self.refused(self.start(type, batch, **values), code, flags)

    def ends(self, code, flags=None):
        """Expects ERROR with id 0, and then the end of the connection. Acknowledgements of what came before are passed over."""
        message = self.receive()
        while message and message["id"] != 0:
            message = self.receive()
        found = message and message["type"] == "ERROR" and CODES.get(message["code"])
        require(found == code, f"{shown(message)} in place of {code} on id 0")
        require(flags is None or message["errorFlags"] & 3 == flags, f"{code} has the flags {message['errorFlags']}, not {flags}")
        require(self.receive() is None, "the connection goes on behind an ERROR with id 0")

    def goes_on(self):
        """Expects that the connection works, and that nothing else has come."""
        self.wanted = int.from_bytes(os.urandom(8), "little")
        self.send("PING", token=self.wanted)
        message = self.receive()
        require(message and message["type"] == "PONG", f"{shown(message)} in place of PONG")
        self.wanted = None

    # Appends

    def append(self, stream, producer, number, data, floor=1):
        """Expects ACK; it."""
        message = self.ask("APPEND", data, producer=producer, number=number, floor=floor, stream=stream)
        require(message["type"] == "ACK", f"{shown(message)} in place of ACK")
        return message

    def fill(self, stream, count, size=1):
        """`count` batches of `size` entries, which are 1, 2, 3, ..."""
        producer = os.urandom(16)
        for number in range(1, count + 1):
            self.append(stream, producer, number, entries([b"%d" % (n + 1) for n in range((number - 1) * size, number * size)]))
        return producer

    # Follows

    def follow(self, *selectors, credit=CREDIT, start=0, **values):
        kinds = [(int(b"*" in name or b"?" in name), name) for name in selectors]
        return self.start("FOLLOW", credit=credit, start=start, selectors=kinds, **values)

    def resolved(self, id):
        """The STREAM messages up to RESOLVED, by name."""
        streams = {}
        while True:
            message = self.receive()
            require(message and message["id"] == id, f"{shown(message)} in place of STREAM or RESOLVED")
            if message["type"] == "RESOLVED":
                require(message["streams"] == len(streams), f"RESOLVED counts {message['streams']} of {len(streams)} streams")
                return streams
            require(message["type"] == "STREAM", f"{shown(message)} in place of STREAM or RESOLVED")
            require(message["stream"] not in streams, "a stream is announced twice")
            streams[message["stream"]] = message


def untimed(lines):
    """A batch as bytes: entries that have a message only."""
    return join(batch(len(lines), column(4, 5, lengths(lines), "message")))


def entries(lines, times=None, severity=9):
    """A batch as bytes: entries with times (one second after another, unless given), a severity and a message."""
    times = times or [10**18 + n * 10**9 for n in range(len(lines))]
    columns = column(1, 4, delta(times), "time") + column(2, 7, b"\x01" + bytes([severity]), "severity")
    return join(batch(len(lines), columns + column(4, 5, lengths(lines), "message"), times=times, severities=[severity]))


class Delivery:
    """What a subscription delivers, with the cover verified (session.md, 5.3)."""

    def __init__(self, peer, id, streams, is_reverse=False):
        self.peer, self.id, self.is_reverse = peer, id, is_reverse
        self.streams, self.expected, self.messages, self.skips, self.batches = {}, {}, [], [], []
        self.lives, self.end, self.bytes, self.heads = 0, None, 0, []
        for announced in streams.values():
            self.announce(announced)

    def announce(self, announced):
        handle = announced["handle"]
        require(handle not in self.streams, "a handle is used twice")
        self.streams[handle] = announced
        self.expected[handle] = announced["position"] + (-1 if self.is_reverse else 1)

    def take(self, message):
        require(message and message["id"] == self.id, f"{shown(message)} in place of a message of the subscription")
        type = message["type"]
        if type == "STREAM":
            self.announce(message)
        elif type in ("BATCH", "SKIP"):
            at = self.streams.get(message["handle"])
            near, far = (message["to"], message["from"]) if self.is_reverse else (message["from"], message["to"])
            expected = self.expected[message["handle"]]
            require(near == expected, f"{type} from {near}, and {expected} was the next number")
            self.expected[message["handle"]] = far + (-1 if self.is_reverse else 1)
            if type == "SKIP":
                self.skips.append((message["reason"], message["from"], message["to"]))
            else:
                self.batch(message, at)
        elif type == "LIVE":
            self.lives += 1
            require(self.lives == 1, "LIVE came twice")
        elif type == "HEADS":
            self.heads += message["heads"]
        elif type in ("END", "ERROR"):
            self.end = message
        else:
            raise Broken(f"{type} on the id of a subscription")

    def batch(self, message, at):
        self.bytes += len(message["batch"])
        try:
            found = decode_run(message, at["stream"], at["incarnation"])
        except Refused as refusal:
            raise Broken(f"a BATCH is refused: {refusal}") from refusal
        self.batches += found
        kept = [e for b in found for e in b["entries"] if message["from"] <= e["sequence"] <= message["to"]]
        self.messages += [e["message"] for e in (reversed(kept) if self.is_reverse else kept)]

    def until(self, holds):
        while not holds(self):
            require(self.end is None, f"the subscription ended with {self.end and shown(self.end)}")
            self.take(self.peer.receive())
        return self

    def ended(self, reason):
        """Expects END with this reason."""
        while self.end is None:
            self.take(self.peer.receive())
        require(self.end["type"] == "END" and self.end["reason"] == reason,
                f"{shown(self.end)} with reason {self.end.get('reason')} in place of END {reason}")
        self.peer.goes_on()
        return self


def delivered(peer, *selectors, is_reverse=False, **values):
    """Follows, and returns the delivery from RESOLVED on."""
    id = peer.follow(*selectors, **values)
    return Delivery(peer, id, peer.resolved(id), is_reverse)


def parts(text):
    """A vector's bytes, type and id."""
    return text[4], struct.unpack("<I", text[8:12])[0]


def name_of(number):
    return TYPES.get(number)
