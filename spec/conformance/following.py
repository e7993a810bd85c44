"""Following: wire.md 4.9 to 4.16, session.md 5."""
import os

from peer import Delivery, check, delivered, entries, require

UNTIL_HEAD, REVERSE, UNTIL_SEQUENCE, UNTIL_TIME, LIMIT = 2, 1, 4, 8, 16
COMPLETE, AT_LIMIT, UNTIL, CANCELLED, AT_START = 1, 2, 3, 4, 5
FILTERED, DELETED = 1, 3
FILTER = 0x8001


def numbers(first, last):
    return [b"%d" % n for n in range(first, last + 1)]


def expect(delivery, first, last):
    require(delivery.messages == numbers(first, last), f"{len(delivery.messages)} entries from {delivery.messages[:1]} are delivered, "
            f"not {first} to {last}")


@check("session 5.2", "what is stored is delivered behind STREAM and RESOLVED, then LIVE once, then what is appended")
def _(run):
    stream = run.stream()
    with run.peer() as peer, run.peer() as other:
        peer.fill(stream, 4, 25)
        id = peer.follow(stream)
        streams = peer.resolved(id)
        require(list(streams) == [stream] and streams[stream]["head"] == 100 and streams[stream]["position"] == 0, "STREAM is wrong")
        delivery = Delivery(peer, id, streams).until(lambda d: d.lives)
        expect(delivery, 1, 100)
        for n in range(101, 104):
            other.append(stream, os.urandom(16), 1, entries([b"%d" % n]))
        expect(delivery.until(lambda d: len(d.messages) == 103), 1, 103)
        peer.send("CANCEL", id)
        delivery.ended(CANCELLED)


@check("session 5.1", "starts: first, now, last n, since a time, from a number")
def _(run):
    stream = run.stream()
    with run.peer() as peer:
        peer.append(stream, os.urandom(16), 1, entries(numbers(1, 20), times=[10**18 + n for n in range(20)]))
        for start, value, position in [(0, 0, 0), (1, 0, 20), (2, 5, 15), (2, 0, 20), (2, 2**64 - 1, 0), (3, 10**18 + 7, 7), (
                3, 10**18 + 20, 20), (3, 0, 0), (4, 0, 0), (4, 1, 0), (4, 20, 19), (4, 21, 20)]:
            delivery = delivered(peer, stream, start=start, startValue=value, followFlags=UNTIL_HEAD)
            found = next(iter(delivery.streams.values()))["position"]
            require(found == position, f"start {start} with {value} is at {found}, not {position}")
            expect(delivery.ended(UNTIL), position + 1, 20)
        peer.refused(peer.follow(stream, start=4, startValue=22), "cursor_ahead", 0)


@check("session 5.1", "cursors win over the start; of another incarnation they are refused with stream_replaced, ahead with cursor_ahead")
def _(run):
    stream, missing = run.stream(), run.stream()
    with run.peer() as peer:
        producer = peer.fill(stream, 10)
        incarnation = peer.append(stream, producer, 10, entries([b"10"]))["incarnation"]
        for known in incarnation, 0:
            delivery = delivered(peer, stream, start=1, followFlags=UNTIL_HEAD, cursors=[(stream, known, 4)]).ended(UNTIL)
            expect(delivery, 5, 10)
        for cursor, code in [((stream, incarnation ^ 1, 4), "stream_replaced"), ((stream, incarnation, 11), "cursor_ahead"), (
                (missing, 0, 1), "cursor_ahead")]:
            message = peer.refused(peer.follow(cursor[0], cursors=[cursor]), code, 0)
            detail = dict(message["extensions"]).get(3)
            require(detail is None or detail[16:] == cursor[0], "the detail names another stream")
        delivery = delivered(peer, stream, followFlags=UNTIL_HEAD, cursors=[(missing, 5, 7)]).ended(UNTIL)
        expect(delivery, 1, 10)
        pattern = run.prefix.encode() + b"/*"
        id = peer.follow(pattern, followFlags=UNTIL_HEAD, credit=0, start=1, cursors=[(missing, 5, 7)])
        require(missing not in peer.resolved(id), "a stream that does not exist is announced")
        peer.send("CANCEL", id)


@check("session 5.6", "ends: at the head, after a number, after a time that is past, at a limit")
def _(run):
    stream = run.stream()
    with run.peer() as peer:
        peer.append(stream, os.urandom(16), 1, entries(numbers(1, 20), times=[10**18 + n for n in range(20)]))
        for flags, values, last, reason in [
                (UNTIL_HEAD, {}, 20, UNTIL), (UNTIL_SEQUENCE, {"endSequence": 7}, 7, UNTIL), (UNTIL_TIME, {"endTime": 10**18 + 4}, 5, UNTIL), (
                    LIMIT, {"limit": 3}, 3, AT_LIMIT), (LIMIT, {"limit": 0}, 0, AT_LIMIT), (UNTIL_HEAD | LIMIT, {"limit": 20}, 20, AT_LIMIT),
                (UNTIL_HEAD | LIMIT, {"limit": 2**64 - 1}, 20, UNTIL), (UNTIL_SEQUENCE | LIMIT, {"endSequence": 9, "limit": 4}, 4, AT_LIMIT)]:
            delivery = delivered(peer, stream, followFlags=flags, **values).ended(reason)
            expect(delivery, 1, last)
            require(not delivery.lives or reason == AT_LIMIT, "LIVE came before such an end")


@check("session 5.6", "an end beyond the head is waited for, behind LIVE")
def _(run):
    stream = run.stream()
    with run.peer() as peer:
        producer = peer.fill(stream, 3)
        delivery = delivered(peer, stream, followFlags=UNTIL_SEQUENCE, endSequence=5).until(lambda d: d.lives)
        with run.peer() as other:
            for number in range(4, 8):
                other.append(stream, producer, number, entries([b"%d" % number]))
        expect(delivery.ended(UNTIL), 1, 5)


@check("session 5.6", "a subscription to sealed streams ends with complete, one with a pattern does not")
def _(run):
    first, second = run.stream(), run.stream()
    with run.peer() as peer:
        for stream in first, second:
            producer = peer.fill(stream, 2)
            peer.ask("COMPLETE", producer=producer, number=3, floor=1, stream=stream, text=b"")
        delivery = delivered(peer, first, second).ended(COMPLETE)
        require(len(delivery.messages) == 6 and not delivery.lives, "not all six entries, or LIVE, came before END")
        expected = delivered(peer, first, followFlags=UNTIL_HEAD).ended(UNTIL)
        require(len(expected.messages) == 3, "not all entries came")
        delivery = delivered(peer, first[:-1] + b"?").until(lambda d: d.lives)
        peer.goes_on()
        peer.send("CANCEL", delivery.id)
        delivery.ended(CANCELLED)


@check("session 5.1", "a named stream that does not exist is waited for, and begins with 1; a pattern finds new streams")
def _(run):
    late, prefix = run.stream(), run.stream()
    with run.peer() as peer:
        named = delivered(peer, late).until(lambda d: d.lives)
        require(not named.streams, "a stream that does not exist is announced")
        with run.peer() as other:
            other.fill(late, 2)
        expect(named.until(lambda d: len(d.messages) == 2), 1, 2)
        require(named.streams and all(s["position"] == 0 for s in named.streams.values()), "its position is not 0")
        peer.send("CANCEL", named.id)
        named.ended(CANCELLED)
        found = delivered(peer, prefix + b"/*", start=1).until(lambda d: d.lives)
        with run.peer() as other:
            other.fill(prefix + b"/deep/er", 1)
            other.fill(prefix + b"/new", 3)
        expect(found.until(lambda d: len(d.messages) == 3), 1, 3)
        require([s["stream"] for s in found.streams.values()] == [prefix + b"/new"], "other streams than the one that matches are announced")


@check("wire 4.0", "patterns: * within a part, ** across parts, ? one byte; a stream that several selectors match comes once")
def _(run):
    root = run.stream()
    names = {root + name for name in (b"/a", b"/ab", b"/b/a", b"/b/c/a")}
    with run.peer() as peer:
        for name in names:
            peer.fill(name, 1)
        for patterns, wanted in [((b"/*",), {b"/a", b"/ab"}), ((b"/**",), {b"/a", b"/ab", b"/b/a", b"/b/c/a"}), ((b"/?",), {b"/a"}), (
                (b"/**a",), {b"/a", b"/b/a", b"/b/c/a"}), ((b"/*/a",), {b"/b/a"}), ((b"/a", b"/a*", b"/**"), {b"/a", b"/ab", b"/b/a", b"/b/c/a"})]:
            delivery = delivered(peer, *(root + p for p in patterns), followFlags=UNTIL_HEAD).ended(UNTIL)
            found = {s["stream"] for s in delivery.streams.values()}
            require(found == {root + w for w in wanted}, f"{patterns} finds {sorted(found)}")
        id = peer.follow(b"**", credit=0, followFlags=UNTIL_HEAD)
        require(not any(name.startswith(b"$") for name in peer.resolved(id)), "** matches one of the server's own streams")


@check("session 5.7", "in reverse it goes down from the head to the start, and ends with start")
def _(run):
    stream = run.stream()
    with run.peer() as peer:
        peer.append(stream, os.urandom(16), 1, entries(numbers(1, 9), times=[10**18 + n for n in range(9)]))
        peer.fill(stream, 0)
        for values, first, last, reason in [({}, 1, 9, AT_START), ({"start": 4, "startValue": 4}, 4, 9, AT_START), (
                {"followFlags": UNTIL_SEQUENCE, "endSequence": 6}, 1, 6, AT_START), ({"followFlags": UNTIL_TIME, "endTime": 10**18 + 2}, 1, 3, AT_START), (
                    {"followFlags": LIMIT, "limit": 2}, 8, 9, AT_LIMIT), ({"start": 2, "startValue": 3}, 7, 9, AT_START)]:
            values = {**values, "followFlags": values.get("followFlags", 0) | REVERSE}
            delivery = delivered(peer, stream, is_reverse=True, **values).ended(reason)
            wanted = list(reversed(numbers(first, last)))
            require(delivery.messages == wanted, f"{values}: {delivery.messages} is delivered")
            require(not delivery.lives, "LIVE came in reverse")


@check("session 5.5", "without credit no BATCH is sent; with a credit of one byte one batch; a limit needs none")
def _(run):
    stream = run.stream()
    with run.peer() as peer:
        peer.fill(stream, 5, 10)
        delivery = delivered(peer, stream, credit=0, followFlags=UNTIL_HEAD)
        peer.goes_on()
        peer.send("CREDIT", delivery.id, total=1)
        delivery.until(lambda d: d.messages)
        require(len(delivery.batches) == 1, f"{len(delivery.batches)} batches came for one byte of credit")
        peer.goes_on()
        peer.send("CREDIT", delivery.id, total=delivery.bytes + 1)
        delivery.until(lambda d: len(d.batches) > 1)
        require(len(delivery.batches) == 2, "more than one batch came for one more byte")
        peer.send("CREDIT", delivery.id, total=1 << 40)
        expect(delivery.ended(UNTIL), 1, 50)


@check("session 5.5", "a lower total of CREDIT than before is a protocol violation")
def _(run):
    with run.peer() as peer:
        delivered(peer, run.stream(), credit=100)
        peer.send("CREDIT", peer.next_id, total=99)
        peer.ends("protocol_violation", 0)


@check("session 5.5", "a follower that takes nothing holds up no other, and loses nothing")
def _(run):
    stream = run.stream()
    with run.peer() as slow, run.peer() as quick:
        slow.fill(stream, 1)
        held = delivered(slow, stream, credit=0)
        followed = delivered(quick, stream).until(lambda d: d.lives)
        with run.peer() as other:
            producer = os.urandom(16)
            for number in range(1, 60):
                other.append(stream, producer, number, entries([b"%d" % (number + 1)]))
        expect(followed.until(lambda d: len(d.messages) == 60), 1, 60)
        slow.send("CREDIT", held.id, total=1 << 40)
        expect(held.until(lambda d: len(d.messages) == 60), 1, 60)


@check("session 5.4", "while a stream is behind, HEADS name its head, and nothing that was not announced")
def _(run):
    run.needs_short_heartbeat()
    stream = run.stream()
    with run.peer() as peer:
        peer.fill(stream, 3)
        delivery = delivered(peer, stream, credit=0).until(lambda d: d.heads)
        require(delivery.heads[0] == (next(iter(delivery.streams)), 3), f"HEADS says {delivery.heads}")


# Filters

@check("session 5.8", "with a filter only entries that pass are delivered, and the others are covered")
def _(run):
    stream = run.stream()
    with run.peer() as peer:
        peer.append(stream, os.urandom(16), 1, entries([b"one", b"two timeout", b"three", b"TIMEOUT four"]))
        peer.append(stream, os.urandom(16), 1, entries([b"five"] * 10))
        peer.append(stream, os.urandom(16), 1, entries([b"six timeout"], severity=17))
        for text, wanted in [(b"timeout", [b"two timeout", b"TIMEOUT four", b"six timeout"]), (b"level>=error", [b"six timeout"]), (
                b"nothing-has-this", []), (b"", [b"one", b"two timeout", b"three", b"TIMEOUT four"] + [b"five"] * 10 + [b"six timeout"])]:
            delivery = delivered(peer, stream, followFlags=UNTIL_HEAD, extensions=[(FILTER, text)]).ended(UNTIL)
            require(delivery.messages == wanted, f"{text} lets through {delivery.messages}")
            require(all(reason == FILTERED for reason, _, _ in delivery.skips), "a SKIP has another reason than filtered")
            require(set(delivery.expected.values()) == {16}, "the cover does not reach the head")
        delivery = delivered(peer, stream, followFlags=UNTIL_HEAD, start=2, startValue=2, extensions=[(FILTER, b"timeout")]).ended(UNTIL)
        require(delivery.messages == [b"TIMEOUT four", b"six timeout"], "the last two that pass are others")
        delivery = delivered(peer, stream, followFlags=LIMIT, limit=1, extensions=[(FILTER, b"timeout")]).ended(AT_LIMIT)
        require(delivery.messages == [b"two timeout"], "the limit counts other entries than those that pass")


@check("session 5.8", "a filter that cannot be read is refused with bad_request")
def _(run):
    with run.peer() as peer:
        for text in b"(", b"level>=", b"/[/", b"\"open", b"x" * (16 * 1024 + 1), b"( " * 33 + b"x" + b" )" * 33:
            peer.refused(peer.follow(run.stream(), extensions=[(FILTER, text)]), "bad_request", 0)


# Limits and faults

@check("wire 4.9", "fields that contradict each other, and values out of range, are refused with bad_request")
def _(run):
    name = run.stream()
    with run.peer() as peer:
        for values in [{"start": 5}, {"startValue": 1}, {"followFlags": 32}, {"endSequence": 1}, {"endTime": 1}, {"limit": 1}, {"selectors": []}, {
                "selectors": [(2, name)]}, {"selectors": [(0, name + b"*")]}, {"selectors": [(0, b"")]}, {"start": 4, "startValue": 1 << 63}, {
                    "cursors": [(name, 1, 1), (name, 1, 2)]}, {"selectors": [(0, name)] * 1025}]:
            peer.refuses("bad_request", "FOLLOW", flags=0, **{"credit": 1, "selectors": [(0, name)], **values})


@check("limits 2", "one subscription more than WELCOME allows is refused with too_many_subscriptions; the others go on")
def _(run):
    count = run.welcome["subscriptions"]
    if count > 5000:
        count = 0
    name = run.stream()
    with run.peer() as peer:
        for _ in range(count):
            peer.resolved(peer.follow(name))
            peer.expect("LIVE", peer.next_id)
        if count:
            peer.refused(peer.follow(name), "too_many_subscriptions")
            peer.send("CANCEL", 1)
            require(peer.answer(1)["type"] == "END", "no END behind CANCEL")
            peer.resolved(peer.follow(name))


@check("session 5.3", "the batches of a stream are signed with its name and incarnation, and cover their numbers")
def _(run):
    stream = run.stream()
    with run.peer() as peer:
        peer.fill(stream, 30, 3)
        delivery = delivered(peer, stream, start=4, startValue=44, followFlags=UNTIL_SEQUENCE, endSequence=47).ended(UNTIL)
        expect(delivery, 44, 47)
        require(all(b["received"] > 0 for b in delivery.batches), "a batch has no time received")


@check("session 3", "CANCEL ends a subscription with cancelled, and its id is free behind that")
def _(run):
    stream = run.stream()
    with run.peer() as peer:
        peer.fill(stream, 3)
        for _ in range(3):
            delivery = delivered(peer, stream)
            peer.send("CANCEL", delivery.id)
            delivery.ended(CANCELLED)
            peer.next_id -= 1


