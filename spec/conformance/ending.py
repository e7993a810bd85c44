"""Silence, and the end: session.md 7 and 8."""
import os
import subprocess
import time

from peer import Delivery, Skipped, check, entries, require, shown


@check("session 7", "a server that has sent nothing for a heartbeat sends PING, and one that hears nothing for three ends with timed_out")
def _(run):
    run.needs_short_heartbeat()
    # The server counts from HELLO.
    began = time.monotonic()
    with run.peer() as peer:
        peer.answers_ping = False
        message = peer.receive(seconds=run.heartbeat * 6 + 2)
        require(message and message["type"] == "ERROR" and message["code"] == 7 and message["id"] == 0, f"{shown(message)} in place of timed_out")
        require(message["errorFlags"] & 1, "timed_out is not retryable")
        require(time.monotonic() - began > run.heartbeat * 2.5, "it ended before three heartbeats")
        require(peer.pings >= 2, f"{peer.pings} PINGs came in three heartbeats")
        require(peer.receive() is None, "the connection goes on")


@check("session 7", "a client that answers PING stays, however long it is quiet otherwise")
def _(run):
    run.needs_short_heartbeat()
    with run.peer() as peer:
        deadline = time.monotonic() + run.heartbeat * 8 + 2
        while peer.pings < 4:
            require(time.monotonic() < deadline, "no PING came")
            try:
                message = peer.receive(seconds=run.heartbeat)
            except Exception as silence:
                require("nothing came" in str(silence), str(silence))
                continue
            require(False, f"{shown(message)} came")
        peer.goes_on()


@check("session 8", "a server that stops says GOAWAY, answers what came before it, refuses what comes behind, and closes")
def _(run):
    if not run.stop:
        raise Skipped("no --stop was given")
    stream, producer = run.stream(), os.urandom(16)
    with run.peer() as peer, run.peer() as follower:
        peer.append(stream, producer, 1, entries([b"1"]))
        id = follower.follow(stream)
        live = Delivery(follower, id, follower.resolved(id)).until(lambda d: d.lives)
        subprocess.run(run.stop, shell=True, check=True)
        found = []
        while (message := peer.receive()) is not None:
            found.append(message)
            if message["type"] == "GOAWAY":
                peer.start("APPEND", entries([b"2"]), producer=producer, number=2, floor=2, stream=stream)
        require([m["type"] for m in found[:1]] == ["GOAWAY"] and found[0]["id"] == 0, f"{[shown(m) for m in found]} came")
        refusals = [m for m in found if m["type"] == "ERROR"]
        require(all(m["code"] == 8 and m["id"] and m["errorFlags"] & 3 == 1 for m in refusals), f"{[shown(m) for m in refusals]} came")
        require(not any(m["type"] == "ACK" for m in found), "an append behind GOAWAY was taken")
        message = follower.receive()
        require(message and message["type"] == "GOAWAY", f"{shown(message)} in place of GOAWAY")
        require(follower.receive() is None and live.end is None, "the follower's connection goes on")


