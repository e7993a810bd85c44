#!/usr/bin/python3
"""A small client on top of the reference decoder and encoder: session.md without reconnecting.

    client.py append URL STREAM [FILE]   lines of FILE or stdin, one entry each; prints the sequence numbers when all are acked
    client.py follow URL STREAM [--from-seq N] [--until-head]   messages to stdout, one a line, until END
    client.py delete URL STREAM [--from-seq N --to-seq N] [--incarnation HEX] [--dry-run]   all of the stream, or a range

URL: logs://host[:port], logs+tls://host[:port] or logs+unix:///path. STREAM may be a pattern in follow. A token is taken
from LOGS_TOKEN, or from the file LOGS_TOKEN_FILE, which is read again when the server wants another one; the CAs to trust instead of the system's from the file LOGS_CA_CERT.
Exit code 0: done; 1: refused, connection lost or a gap; 2: usage."""
import argparse
import os
import select
import socket
import ssl
import sys
import time
from urllib.parse import urlsplit

from decoder import HANDSHAKE_BODY_MAX, MESSAGE_MAX, MIB, Header, Refused, decode_body, decode_run
from encoder import batch, column, delta, frame, join, keys, lengths, value

FRAME_LIMIT, CREDIT, SUBSCRIPTION, RENEWAL = 4 * MIB, 8 * MIB, 1, 2**32 - 1
BATCH_LINES, BATCH_BYTES = 1000, 256 * 1024


class Failed(Exception):
    pass


def token():
    path = os.environ.get("LOGS_TOKEN_FILE")
    if not path:
        return os.environ.get("LOGS_TOKEN", "").encode()
    with open(path, "rb") as file:
        return file.readline().strip()


def connect(url):
    """A socket to the server, through TLS if the URL says so."""
    parts = urlsplit(url)
    if parts.scheme == "logs+unix":
        connected = socket.socket(socket.AF_UNIX)
        connected.connect(parts.path)
    elif parts.scheme in ("logs", "logs+tls"):
        port = parts.port or (5647 if parts.scheme == "logs" else 5648)
        connected = socket.create_connection((parts.hostname, port), timeout=10)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if parts.scheme == "logs+tls":
            context = ssl.create_default_context(cafile=os.environ.get("LOGS_CA_CERT"))
            context.set_alpn_protocols(["logs/1"])
            connected = context.wrap_socket(connected, server_hostname=parts.hostname)
    else:
        raise Failed(f"unknown scheme in {url}")
    connected.settimeout(30)  # of a write that makes no progress
    return connected


class Connection:
    def __init__(self, url, takes_refusals=False):
        """`takes_refusals`: an ERROR that ends a request is a message like others, and not Failed."""
        self.takes_refusals, self.is_leaving, self.socket = takes_refusals, False, connect(url)
        self.input, self.header, self.limit, self.heartbeat = bytearray(), None, HANDSHAKE_BODY_MAX, 10.0 / 3
        self.sent = self.received = time.monotonic()
        self.welcome = None
        # The one that counts, the one that AUTH shows, and the one that was refused, with the time from which it is shown again.
        self.token, self.shown, self.refused = token(), None, (None, 0)
        self.wants_token = False
        self.send("HELLO", magic=b"LOGS", minVersion=1, maxVersion=1, frameLimit=FRAME_LIMIT, client=b"reference client 1",
                  features=4 if "LOGS_TOKEN_FILE" in os.environ else 0, token=self.token)
        while not self.welcome:
            for message in self.receive()[0]:
                if message["type"] != "WELCOME" or message["version"] != 1 or self.welcome:
                    raise Failed(f"{message['type']} in place of WELCOME")
                self.welcome, self.limit, self.heartbeat = message, FRAME_LIMIT, max(message["heartbeat"], 100) / 1000

    def send(self, type, id=0, batch=(), **values):
        self.socket.sendall(join(frame(type, id, batch, **values)))
        self.sent = time.monotonic()

    def receive(self, also=()):
        """Waits for input: (messages that have come whole, those of the files `also` that can be read)."""
        wake = min(self.sent + self.heartbeat, self.received + 3 * self.heartbeat)
        # What TLS has already taken from the socket makes it ready no more.
        pending = isinstance(self.socket, ssl.SSLSocket) and self.socket.pending()
        if self.wants_token:
            self.renew()
            wake = min(wake, time.monotonic() + self.heartbeat / 4)
        ready, _, _ = select.select([self.socket, *also], [], [], 0 if pending else max(0.01, wake - time.monotonic()))
        if pending and self.socket not in ready:
            ready.append(self.socket)
        messages = []
        if self.socket in ready:
            data = self.socket.recv(1 << 18)
            if not data:
                raise Failed("the server closed the connection")
            self.input += data
            self.received = time.monotonic()
            messages = self.take()
        elif time.monotonic() - self.received > 3 * self.heartbeat:
            raise Failed("no byte from the server for three heartbeats")
        if self.welcome and time.monotonic() - self.sent >= self.heartbeat:
            self.send("PING", token=1)
        return messages, [file for file in also if file in ready]

    def renew(self):
        """Shows another token, if there is one and none is under way. The file may be away or empty while it is written anew."""
        if self.shown or self.is_leaving:
            return
        try:
            new = token()
        except OSError:
            return
        # The server may not have known yet the one that it has refused.
        if new and new != self.token and (new != self.refused[0] or time.monotonic() >= self.refused[1]):
            self.shown = new
            self.send("AUTH", RENEWAL, token=new)

    def take(self):
        """Cuts whole frames from the input. PING and what concerns the connection is done here."""
        messages = []
        while True:
            if self.header is None and len(self.input) >= 20:
                self.header = Header(self.input[:20], self.limit)
                del self.input[:20]
            if self.header is None or len(self.input) < self.header.body_length:
                return messages
            message = decode_body(self.header, bytes(self.input[:self.header.body_length]))
            del self.input[:self.header.body_length]
            self.header = None
            if message["type"] == "PING":
                self.send("PONG", token=message["token"])
            elif message["type"] == "CHALLENGE":
                self.wants_token = bool(self.welcome["features"] & 4)
            elif self.shown and message["id"] == RENEWAL and message["type"] in ("AUTHORIZED", "ERROR"):
                if message["type"] == "AUTHORIZED":
                    self.token, self.wants_token = self.shown, False
                else:
                    self.refused = self.shown, time.monotonic() + self.heartbeat / 2
                self.shown = None
            elif message["type"] == "ERROR" and (message["id"] == 0 or not self.takes_refusals):
                raise Failed(f"error {message['code']}: {message['text'].decode(errors='replace')}"
                             + (", may be retried" if message["errorFlags"] & 1 else "")
                             + (", may have taken effect" if message["errorFlags"] & 2 else ""))
            elif message["type"] == "GOAWAY":
                self.is_leaving = True
                print("the server is going away:", message["text"].decode(errors="replace"), file=sys.stderr)
            elif message["type"] not in ("PONG", None):
                messages.append(message)


def encode(lines):
    """Pieces of a batch with a time and a message an entry; what is longer than 1 MiB is cut and marked (wire.md 5.4)."""
    now, messages = time.time_ns(), [line[:MESSAGE_MAX] for line in lines]
    columns = column(1, 7, b"\4" + delta([now]), "time") + column(4, 5, lengths(messages), "message")
    if any(len(line) > MESSAGE_MAX for line in lines):
        cut = [len(line) if len(line) > MESSAGE_MAX else None for line in lines]
        columns += column(5, 5, lengths([keys([b"logs.truncated"]) if size else b"" for size in cut]), "keys")
        columns += column(6, 5, lengths([value(("integer", size)) if size else b"" for size in cut]), "values")
    return batch(len(lines), columns, codec=1, times=[now] * len(lines))


def append(connection, stream, file):
    producer, number, limits = os.urandom(16), 0, connection.welcome
    frames_max = min(limits["appendBatches"], limits["producerBatches"])
    lines, size, rest, ended = [], 0, b"", False
    flying = {}  # id (= number) -> (bytes, entries)
    first = last = entries = 0
    while not ended or lines or flying:
        full = len(lines) >= BATCH_LINES or size >= BATCH_BYTES
        room = len(flying) < frames_max and sum(b for b, _ in flying.values()) + 2 * MIB <= max(limits["appendBytes"], 2 * MIB)
        if lines and room and (full or ended or not select.select([file], [], [], 0.005)[0]):
            some, lines = lines[:BATCH_LINES], lines[BATCH_LINES:]
            size, number, pieces = sum(map(len, lines)), number + 1, encode(some)
            flying[number] = (len(join(pieces)), len(some))
            connection.send("APPEND", number, pieces, producer=producer, number=number, floor=min(flying), stream=stream)
        wants = [file] if not ended and not full else []
        messages, ready = connection.receive(wants) if wants or not room or not lines else ([], [])
        if ready:
            data = os.read(file.fileno(), 1 << 16)
            ended = not data
            *whole, rest = (rest + data).split(b"\n")
            whole += [rest] if ended and rest else []
            lines, size = lines + whole, size + sum(map(len, whole))
        for message in messages:
            run = range(message["id"], message["id"] + message.get("appends", 0))
            if message["type"] != "ACK" or any(id not in flying for id in run):
                raise Failed(f"{message['type']} {message['id']} was not asked for")
            if sum(flying[id][1] for id in run) != message["count"]:
                raise Failed("an ACK counts other entries than were sent")
            for id in run:
                del flying[id]
            first, last = first or message["firstSequence"], message["firstSequence"] + message["count"] - 1
            entries += message["count"]
    print(f"first={first} last={last} entries={entries}")


def follow(connection, stream, from_sequence, until_head, deliver):
    """Calls `deliver` with each batch, the stream that it is of, and those of its entries that were asked for."""
    pattern = b"*" in stream or b"?" in stream
    connection.send("FOLLOW", SUBSCRIPTION, credit=CREDIT, start=4 if from_sequence else 0, startValue=from_sequence,
                    followFlags=2 if until_head else 0, selectors=[(int(pattern), stream)])
    streams, resolved, taken, allowed = {}, False, 0, CREDIT  # handle -> [name, incarnation, expected, head]
    while True:
        for message in connection.receive()[0]:
            type, at = message["type"], streams.get(message.get("handle"))
            if message["id"] != SUBSCRIPTION:
                raise Failed(f"{type} for an id that is not in use")
            if type == "STREAM" and at is None:
                streams[message["handle"]] = [message["stream"], message["incarnation"], message["position"] + 1, message["head"]]
            elif type == "RESOLVED" and not resolved and message["streams"] == len(streams):
                resolved = True
            elif type in ("BATCH", "SKIP") and resolved:
                if at is None or message["from"] != at[2]:
                    raise Failed(f"gap: {type} from {message['from']}, expected {at and at[2]}")
                at[2] = message["to"] + 1
                if type == "SKIP":
                    why = {1: "filtered", 2: "trimmed", 3: "deleted", 5: "undecided"}.get(message["reason"], "lost")
                    print(f"{at[0].decode()}: {message['from']} to {message['to']} {why}", file=sys.stderr)
                else:
                    for b in decode_run(message, at[0], at[1]):
                        deliver(b, at[0], [e for e in b["entries"] if message["from"] <= e["sequence"] < at[2]])
                    taken += len(message["batch"])
                    if taken + CREDIT // 2 > allowed:
                        allowed = taken + CREDIT
                        connection.send("CREDIT", SUBSCRIPTION, total=allowed)
            elif type == "END":
                if until_head and any(track[2] <= track[3] for track in streams.values()):
                    raise Failed("END before the head that STREAM told")
                return
            elif type != "LIVE" or not resolved:
                raise Failed(f"{type} is not allowed now")


def delete(connection, stream, from_sequence, to_sequence, incarnation, dry_run):
    connection.send("DELETE", 1, deleteFlags=int(dry_run), incarnation=incarnation, stream=stream,
                    **{"from": from_sequence, "to": to_sequence})
    messages = []
    while not messages:
        messages = connection.receive()[0]
    answer = messages[0]
    if len(messages) > 1 or answer["type"] != "DELETED" or answer["id"] != 1:
        raise Failed(f"{answer['type']} {answer['id']} in place of DELETED")
    if incarnation not in (0, answer["incarnation"]):
        raise Failed("DELETED names another incarnation")
    print(f"incarnation={answer['incarnation']:016x} entries={answer['entries']} first={answer['from']} last={answer['to']}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("append", "follow", "delete"))
    parser.add_argument("url")
    parser.add_argument("stream", type=str.encode)
    parser.add_argument("file", nargs="?")
    parser.add_argument("--from-seq", type=int, default=0)
    parser.add_argument("--to-seq", type=int, default=0)
    parser.add_argument("--incarnation", type=lambda text: int(text, 16), default=0)
    parser.add_argument("--until-head", action="store_true")
    parser.add_argument("--dry-run", action="store_true")
    given = parser.parse_args()
    try:
        connection = Connection(given.url)
        if given.command == "append":
            append(connection, given.stream, open(given.file, "rb", buffering=0) if given.file else sys.stdin.buffer)
        elif given.command == "delete":
            delete(connection, given.stream, given.from_seq, given.to_seq, given.incarnation, given.dry_run)
        else:
            # Not sys.stdout.buffer: with PYTHONUNBUFFERED that writes only as much as a pipe takes at once.
            with open(1, "wb", closefd=False) as out:
                def write(batch, stream, entries):
                    out.writelines(entry["message"] + b"\n" for entry in entries)
                    out.flush()

                follow(connection, given.stream, given.from_seq, given.until_head, write)
    except (Failed, OSError, Refused) as problem:
        sys.exit(f"client.py: {problem}")


if __name__ == "__main__":
    main()
