"""Handshake, frames, ids and vectors: wire.md 1 to 4.2, session.md 1 to 3."""
import glob
import os
import socket
import ssl
import struct

from decoder import OF_CONNECTION, REQUESTS, TYPES, read_vector
from peer import (CODES, RETRYABLE, ROOT, Broken, Peer, Skipped, check, entries, name_of, parts, require, shown)

# Of the client's messages: all that it may send after WELCOME.
CLIENTS = REQUESTS + ("PING", "PONG", "ERROR", "CREDIT", "CANCEL")
UNKNOWN_LOW, UNKNOWN_HIGH = 100, 200


# Handshake

@check("session 2", "HELLO is answered by WELCOME with the highest version that both speak, and with limits that fit a batch")
def _(run):
    for low, high in (1, 1), (1, 255):
        with Peer(run).hello(minVersion=low, maxVersion=high) as peer:
            welcome = peer.welcome
            require(welcome["version"] == 1, f"version {welcome['version']} for versions {low} to {high}")
            require(1 <= welcome["producerBatches"] <= 32, f"producerBatches is {welcome['producerBatches']}")
            require(welcome["appendBytes"] and welcome["appendBatches"] and welcome["subscriptions"], "a limit is 0")


@check("wire 4.2", "connections to one process have the same server and store in WELCOME")
def _(run):
    with run.peer() as first, run.peer() as second:
        require(first.welcome["server"] == second.welcome["server"] and first.welcome["store"] == second.welcome["store"], "they differ")
        require(any(first.welcome["server"]) and any(first.welcome["store"]), "they are zeros")


@check("session 2", "without a version in common the answer is unsupported_version, and the end")
def _(run):
    with Peer(run) as peer:
        peer.raw(peer.hello_bytes(minVersion=200, maxVersion=255))
        peer.ends("unsupported_version", 0)


@check("session 9", "features that are unknown, and frames of unknown types from 128 up, are ignored in the handshake")
def _(run):
    with Peer(run) as peer:
        peer.send(UNKNOWN_HIGH, 0, control=b"anything")
        peer.hello(features=(1 << 63) | 1)
        peer.goes_on()


@check("session 2", "what comes behind HELLO is looked at after WELCOME")
def _(run):
    with Peer(run) as peer:
        peer.raw(peer.hello_bytes() + peer.bytes("STAT", 7))
        peer.welcomed()
        require(peer.answer(7)["type"] == "STATUS", "STAT behind HELLO was not answered")


@check("session 2", "a first frame other than HELLO, bad magic, an id other than 0, a second HELLO: protocol_violation, and the end")
def _(run):
    with Peer(run) as peer:
        peer.send("STAT", 1)
        peer.ends("protocol_violation", 0)
    for changes in {"magic": b"SLOG"}, {"id": 1}, {"frameLimit": 2 * 1024 * 1024}, {"minVersion": 0}, {"minVersion": 2, "maxVersion": 1}:
        with Peer(run) as peer:
            id = changes.pop("id", 0)
            data = peer.hello_bytes(**changes)
            peer.raw(peer.bytes("HELLO", id, magic=b"LOGS", minVersion=1, maxVersion=1, frameLimit=1 << 22) if id else data)
            peer.ends("protocol_violation", 0)
    with run.peer() as peer:
        peer.raw(peer.hello_bytes())
        peer.ends("protocol_violation", 0)


@check("wire 1", "before WELCOME a body of more than 8 KiB is refused by its header: frame_too_large")
def _(run):
    with Peer(run) as peer:
        peer.raw(peer.bytes("HELLO", changes={"bodyLength": 8 * 1024 + 1, "controlLength": 8 * 1024 + 1})[:20])
        peer.ends("frame_too_large", 0)


@check("session 3.1", "a wrong token is refused with unauthorized, not retryable, where the server checks tokens")
def _(run):
    if not run.welcome["features"] & 2:
        raise Skipped("the server checks no tokens")
    with Peer(run) as peer:
        peer.raw(peer.hello_bytes(token=b"no-token-that-anybody-has"))
        peer.ends("unauthorized", 0)


# Frames

@check("wire 1", "a frame whose headerCheck or check is wrong ends the connection with protocol_violation, which is retryable")
def _(run):
    for field in "headerCheck", "check":
        with run.peer() as peer:
            peer.send("STAT", 1, changes={field: 1})
            peer.ends("protocol_violation", RETRYABLE)


@check("wire 1", "wrong flags and lengths end the connection with protocol_violation, not retryable")
def _(run):
    for given in {"flags": 1}, {"flags": 8}, {"changes": {"controlLength": 100}}:
        with run.peer() as peer:
            peer.send("STAT", 1, **given)
            peer.ends("protocol_violation", 0)
    with run.peer() as peer:
        peer.send("STAT", 1, b"a batch part")
        peer.ends("protocol_violation", 0)


@check("wire 1", "a bodyLength above the server's frameLimit is refused by the header alone: frame_too_large")
def _(run):
    with run.peer() as peer:
        length = peer.welcome["frameLimit"] + 1
        peer.raw(peer.bytes("APPEND", 1, changes={"bodyLength": length, "controlLength": 33})[:20])
        peer.ends("frame_too_large", 0)


@check("wire 3", "a frame of an unknown type below 128 ends the connection with unsupported")
def _(run):
    for type in 0, 7, UNKNOWN_LOW, 127:
        with run.peer() as peer:
            peer.send(type, 1, control=b"")
            peer.ends("unsupported", 0)


@check("wire 3", "frames of unknown types from 128 up are ignored, with a batch part and with the id of a request, if their checks fit")
def _(run):
    with run.peer() as peer:
        for type in 128, UNKNOWN_HIGH, 255:
            peer.send(type, 1, b"a batch part", control=b"a control part")
        peer.goes_on()
        peer.send(UNKNOWN_HIGH, 1, control=b"x", changes={"check": 1})
        peer.ends("protocol_violation", RETRYABLE)


@check("wire 1", "frame flags 4 to 7 are ignored")
def _(run):
    with run.peer() as peer:
        require(peer.answer(peer.start("STAT", flags=0xF0))["type"] == "STATUS", "STAT with such flags was not answered")


@check("wire 1", "frames may arrive byte by byte, and several at once")
def _(run):
    with run.peer() as peer:
        for byte in peer.bytes("STAT", 1):
            peer.raw(bytes([byte]))
        require(peer.answer(1)["type"] == "STATUS", "no STATUS")
        peer.raw(b"".join(peer.bytes("STAT", id) for id in range(2, 12)))
        found = {peer.receive()["id"] for _ in range(10)}
        require(found == set(range(2, 12)), f"answers on {sorted(found)}")


@check("session 8", "behind an ERROR with id 0 the server goes on reading, so that the ERROR arrives")
def _(run):
    with run.peer() as peer:
        peer.raw(peer.bytes(UNKNOWN_LOW, 1, control=b"") + bytes(1 << 20))
        peer.ends("unsupported")


# Extensions

@check("wire 2", "unknown extensions are skipped; critical ones are refused with unsupported, on the request's id")
def _(run):
    with run.peer() as peer:
        require(peer.ask("STAT", extensions=[(0x7ABC, b"whatever"), (1, b"")])["type"] == "STATUS", "no STATUS")
        require(peer.ask("LIST", limit=1, extensions=[(0x0001, b"")])["type"] == "LISTING", "no LISTING")
        for type, values in ("STAT", {}), ("LIST", {"limit": 1}), ("FOLLOW", {"selectors": [(0, b"a")]}), ("QUERY", {"kind": 1, "selectors": [
                (0, b"a")]}):
            peer.refuses("unsupported", type, flags=0, extensions=[(0xFABC, b"")], **values)
        stream = run.stream()
        for tag in 0x8001, 0x8002:
            peer.refuses("unsupported", "APPEND", entries([b"x"]), producer=os.urandom(16), number=1, floor=1, stream=stream, extensions=[
                (tag, bytes(8))])


@check("wire 2", "a tag that comes twice, more than 64 extensions, and one that is cut off make the control part malformed")
def _(run):
    with run.peer() as peer:
        require(peer.ask("STAT", extensions=[(tag, b"") for tag in range(64)])["type"] == "STATUS", "64 extensions are refused")
        for extensions in [(9, b""), (9, b"")], [(tag, b"") for tag in range(65)]:
            peer.refuses("bad_request", "STAT", flags=0, extensions=extensions)
        id = peer.id()
        peer.send(32, id, control=struct.pack("<HH", 9, 5) + b"abc")
        peer.refused(id, "bad_request", 0)


# Ids

@check("session 1", "a request with id 0, or with the id of another that has no final answer, is a protocol violation")
def _(run):
    for type, values in ("STAT", {}), ("LIST", {"limit": 1}), ("FOLLOW", {"selectors": [(0, b"a")]}):
        with run.peer() as peer:
            peer.send(type, 0, **values)
            peer.ends("protocol_violation", 0)
    for type, values in ("STAT", {}), ("FOLLOW", {"selectors": [(0, b"a")]}), ("LIST", {"limit": 0}):
        with run.peer() as peer:
            peer.resolved(peer.follow(run.stream()))
            peer.send(type, 1, **values)
            peer.ends("protocol_violation", 0)


@check("session 1", "an id is free again behind its final answer, and ids may come in any order")
def _(run):
    with run.peer() as peer:
        for id in 5, 2**32 - 1, 5, 3, 3:
            require(peer.answer(peer.start("STAT", id=id))["type"] == "STATUS", "no STATUS")
        for _ in range(3):
            id = peer.start("FOLLOW", id=9, credit=1, followFlags=2, selectors=[(0, run.stream())])
            peer.resolved(id)
            require(peer.answer(id)["type"] == "END", "no END")


@check("session 1", "CREDIT and CANCEL for ids without a subscription or query are ignored, those for 0 included")
def _(run):
    with run.peer() as peer:
        for id in 0, 1, 77:
            peer.send("CREDIT", id, total=5)
            peer.send("CANCEL", id)
        peer.goes_on()


@check("session 3", "a message of the server's, and an ERROR with an id other than 0, end the connection with protocol_violation")
def _(run):
    for type, values in [("WELCOME", {"version": 1, "frameLimit": 1 << 22}), ("LIVE", {}), ("END", {"reason": 1}), ("GOAWAY", {}), (
            "AUTHORIZED", {}), ("RESOLVED", {}), ("ERROR", {"code": 1})]:
        with run.peer() as peer:
            peer.send(type, 0 if type in OF_CONNECTION else 1, **values)
            peer.ends("protocol_violation", 0)


@check("session 3", "an ERROR with id 0 of the client's ends the connection")
def _(run):
    with run.peer() as peer:
        peer.resolved(peer.follow(run.stream()))
        peer.expect("LIVE", peer.next_id)
        peer.send("ERROR", 0, code=1, text=b"the client has found a fault")
        require(peer.receive() is None, "the connection goes on")


@check("session 3", "requests before the client's end of the stream are answered")
def _(run):
    with run.peer() as peer:
        stream = run.stream()
        id = peer.start("APPEND", entries([b"last"]), producer=os.urandom(16), number=1, floor=1, stream=stream)
        peer.start("STAT")
        if isinstance(peer.socket, ssl.SSLSocket):
            raise Skipped("Python's TLS cannot end one direction alone")
        peer.socket.shutdown(socket.SHUT_WR)
        found = {}
        while (message := peer.receive()) is not None:
            found[message["id"]] = message["type"]
        require(found == {id: "ACK", id + 1: "STATUS"}, f"answered: {found}")


# Liveness

@check("wire 4.4", "PING is answered by PONG with its token, and a PONG that nobody asked for is ignored")
def _(run):
    with run.peer() as peer:
        peer.send("PONG", token=99)
        for _ in range(3):
            peer.goes_on()


# Vectors

def vectors(folder):
    for path in sorted(glob.glob(f"{os.path.dirname(ROOT)}/spec/vectors/{folder}/*.hex")):
        headers, data = read_vector(path)
        if headers["kind"] in ("frame", "run"):
            yield os.path.basename(path)[:-4], headers, data


def answered(run, data, code, id, name):
    """Expects that these bytes, behind a handshake unless they are a HELLO, are refused with `code` on `id`."""
    with (Peer(run) if name_of(data[4]) == "HELLO" else run.peer()) as peer:
        peer.raw(data)
        try:
            peer.ends(code) if id == 0 else peer.refused(id, code)
        except Broken as broken:
            raise Broken(f"{name}: {broken}") from broken


@check("README", "every frame of vectors/invalid that a client could send is refused with the error that it names")
def _(run):
    for name, headers, data in vectors("invalid"):
        type, id = parts(data)
        if headers["kind"] != "frame" or TYPES.get(type) not in CLIENTS + ("HELLO", None) or len(data) - 20 > run.welcome["frameLimit"]:
            continue
        if TYPES.get(type) == "HELLO" and len(data) > 8212:
            continue
        is_request = TYPES.get(type) in REQUESTS and headers["step"] in ("control", "values")
        answered(run, data, headers["error"], id if is_request else 0, name)


@check("README", "every frame of vectors/valid that only a server sends is refused when a client sends it")
def _(run):
    for name, headers, data in vectors("valid"):
        type, _ = parts(data)
        if name_of(type) and name_of(type) not in CLIENTS + ("HELLO", "HEADS"):
            if len(data) - 20 <= run.welcome["frameLimit"]:
                answered(run, data, "protocol_violation", 0, name)


@check("README", "frames of vectors/valid that change nothing are not refused as malformed")
def _(run):
    for name, headers, data in vectors("valid"):
        type, id = parts(data)
        if name_of(type) not in ("LIST", "STAT", "FOLLOW", "QUERY", "PING", "PONG", "CANCEL", "CREDIT"):
            continue
        with run.peer() as peer:
            peer.raw(data)
            if name_of(type) in ("PING", "PONG", "CANCEL", "CREDIT"):
                peer.goes_on()
                continue
            message = peer.receive()
            is_bad = message is None or message["id"] != id or CODES.get(message.get("code")) in ("bad_request", "unsupported", "unauthorized")
            require(not is_bad, f"{name}: {shown(message)}")


