"""usage: hostile_attacks.py KIND PORT COUNT [TOKEN]
One hostile peer of a logsd on this machine, for hostile-peers.py. It goes on until SIGTERM, then prints what it did as JSON. COUNT
connections are kept open; what the server closes is opened again.

    silent   connections that send nothing
    tls      handshakes of TLS of which half a ClientHello comes
    hello    HELLOs without a token, as fast as they are refused
    tokens   HELLOs with tokens that are wrong
    bombs    appends with TOKEN: batches of a few bytes that say they hold 4 GB, or do"""
import json
import os
import resource
import select
import signal
import socket
import ssl
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "spec", "reference"))
from encoder import batch, frame, join

RAW_MAX = 4 << 20
BOMB_BYTES = 4 << 30
BLOCK_BYTES = 128 << 10

counts = {"opened": 0, "closed": 0, "answers": 0}


def hello(token=b""):
    return join(frame("HELLO", magic=b"LOGS", minVersion=1, maxVersion=1, frameLimit=4 << 20, client=b"hostile", token=token))


def half_handshake():
    """The first half of what a client of TLS sends."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        pass
    data = outgoing.read()
    return data[:len(data) // 2]


def zstd_bomb(claimed, held):
    """A zstd frame that claims one size and holds another: blocks of one byte that is repeated (RFC 8878)."""
    count = -(-held // BLOCK_BYTES)
    blocks = b"".join(
        struct.pack("<I", (at == count - 1) | 1 << 1 | min(BLOCK_BYTES, held - at * BLOCK_BYTES) << 3)[:3] + b"\0"
        for at in range(count))
    # A window of 4 MiB, the most that is allowed; the size in 8 bytes.
    return bytes.fromhex("28b52ffd") + bytes([0xC0, 0x60]) + struct.pack("<Q", claimed) + blocks


def bombs():
    """Batches that say, in their header or in the zstd frame, that they hold 4 GB; and one that does without saying it."""
    made = []
    for raw, claimed, held in [
            (BOMB_BYTES - 1, BOMB_BYTES, BOMB_BYTES), (RAW_MAX, BOMB_BYTES, BOMB_BYTES), (RAW_MAX, RAW_MAX, BOMB_BYTES)]:
        made.append(batch(1, codec=1, payload=zstd_bomb(claimed, held), changes={"rawLength": raw}))
    return made


def append_bombs(port, token):
    parts = bombs()
    while True:
        with socket.create_connection(("127.0.0.1", port)) as peer:
            counts["opened"] += 1
            peer.sendall(hello(token.encode()))
            peer.recv(1 << 16)
            number = 0
            while True:
                number += 1
                try:
                    # Each of a new producer, so that none is out of order.
                    peer.sendall(join(frame("APPEND", number, parts[number % len(parts)], producer=os.urandom(16), number=1, floor=1,
                                            stream=b"attack/bomb")))
                    if not peer.recv(1 << 16):
                        break
                except OSError:
                    break
                counts["answers"] += 1
        counts["closed"] += 1


def keep_open(port, count, first_bytes, answers_end):
    """Keeps `count` connections open, on which `first_bytes()` is sent; with `answers_end` an answer is the end of one."""
    poll = select.epoll()
    peers = {}
    while True:
        opened = 0
        while len(peers) < count and opened < 200:
            peer = socket.socket()
            peer.setblocking(False)
            try:
                peer.connect(("127.0.0.1", port))
            except BlockingIOError:
                pass
            except OSError:
                peer.close()
                time.sleep(0.05)
                break
            peers[peer.fileno()] = peer
            poll.register(peer, select.EPOLLOUT if first_bytes else select.EPOLLIN)
            opened += 1
            counts["opened"] += 1
        for number, events in poll.poll(0.01 if len(peers) < count else 0.2):
            peer = peers[number]
            try:
                if events & select.EPOLLOUT:
                    peer.send(first_bytes())
                    poll.modify(peer, select.EPOLLIN)
                    continue
                data = peer.recv(1 << 16)
                counts["answers"] += bool(data)
                if data and not answers_end:
                    continue
            except OSError:
                pass
            poll.unregister(peer)
            del peers[number]
            peer.close()
            counts["closed"] += 1


def main():
    def end(*_):
        print(json.dumps(counts), flush=True)
        os._exit(0)

    signal.signal(signal.SIGTERM, end)
    kind, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    if kind == "bombs":
        append_bombs(port, sys.argv[4])
    half = half_handshake()
    keep_open(port, count, {
        "silent": None,
        "tls": lambda: half,
        "hello": lambda: hello(),
        "tokens": lambda: hello(b"lgs_" + os.urandom(24).hex().encode()),
    }[kind], answers_end=kind in ("hello", "tokens"))


main()
