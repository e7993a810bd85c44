"""LIST, STAT, QUERY, DELETE, AUTH: wire.md 4.17 to 4.27, session.md 3.2 and 6."""
import os

from following import DELETED, FILTER, UNTIL, UNTIL_HEAD
from peer import CODES, Skipped, check, delivered, entries, require, shown


@check("wire 4.17", "LIST gives pages of streams in the order of their names, from after a name on")
def _(run):
    root = run.stream()
    names = sorted(root + b"/%d" % n for n in range(12))
    with run.peer() as peer:
        for name in names:
            peer.fill(name, 1, 3)
        found, after = [], b""
        while True:
            page = peer.ask("LIST", limit=5, pattern=root + b"/*", after=after)
            require(page["type"] == "LISTING" and len(page["streams"]) <= 5, f"{shown(page)} in place of a page")
            found += [row["stream"] for row in page["streams"]]
            require(all(row["stream"] > after for row in page["streams"]), "a name is not after the one that was given")
            if not page["listingFlags"] & 1:
                break
            require(page["streams"], "a page without rows says that more follow")
            after = found[-1]
        require(found == names, f"{found} is listed")
        row = peer.ask("LIST", limit=1, pattern=names[0])["streams"][0]
        require((row["first"], row["head"], row["entries"], row["state"]) == (1, 3, 3, 0), f"the row says {row}")
        require(row["bytes"] > 0 and row["lastReceived"] > 0 and row["incarnation"], f"the row says {row}")
        page = peer.ask("LIST", limit=1000, pattern=root + b"/*", after=root + b"/0-is-not-there")
        require([r["stream"] for r in page["streams"]] == [n for n in names if n > root + b"/0-is-not-there"], "after a missing name")


@check("wire 4.17", "a limit of 0 or above 1,000, and what is no pattern or name, are refused with bad_request")
def _(run):
    with run.peer() as peer:
        for values in {"limit": 0}, {"limit": 1001}, {"limit": 1, "pattern": b"a//b"}, {"limit": 1, "after": b"a*"}:
            peer.refuses("bad_request", "LIST", flags=0, **values)


@check("session 6", "STAT is answered with facts, version and uptime_seconds among them")
def _(run):
    with run.peer() as peer:
        facts = {key: value for key, _, value in peer.ask("STAT")["facts"]}
        require({b"version", b"uptime_seconds"} <= set(facts), f"the facts are {sorted(facts)}")


@check("session 6", "many requests at once are answered each once")
def _(run):
    with run.peer() as peer:
        ids = [peer.start("STAT") if n % 2 else peer.start("LIST", limit=1) for n in range(40)]
        answers = [peer.receive() for _ in ids]
        require(sorted(m["id"] for m in answers) == ids, "an answer is missing or comes twice")
        peer.goes_on()


# QUERY

def query(peer, stream, **values):
    message = peer.ask("QUERY", selectors=[(int(b"*" in stream), stream)], **values)
    require(message["type"] == "RESULT", f"{shown(message)} in place of RESULT")
    return message


@check("wire 4.21", "QUERY counts what passes: all, by time and level, by fields")
def _(run):
    stream, minute, start = run.stream(), 60 * 10**9, 10**18
    with run.peer() as peer:
        peer.append(stream, os.urandom(16), 1, entries([b"a", b"b", b"c"], times=[start, start + 1, start + minute], severity=9))
        peer.append(stream, os.urandom(16), 1, entries([b"a b"], times=[start + minute], severity=17))
        for text, count in (b"", 4), (b"b", 2), (b"level>=error", 1), (b"nothing-has-this", 0):
            found = query(peer, stream, kind=1, extensions=[(FILTER, text)] if text else [])
            require(found["entries"] == count and not found["spans"] and not found["fields"], f"{text} counts {found['entries']}")
        spans = query(peer, stream, kind=2, width=minute)["spans"]
        first = start // minute * minute
        require([s[0] for s in spans] == [first, first + minute], f"spans start at {[s[0] for s in spans]}")
        require([(s[4], s[6]) for s in spans] == [(2, 0), (1, 1)], f"info and error are counted as {[(s[4], s[6]) for s in spans]}")
        levels = [f for f in query(peer, stream, kind=3, valueCount=10)["fields"] if f[0] == 1]
        require(levels and levels[0][3] == 4 and levels[0][5:] == (3, b"info", 1, b"error"), f"the field level is {levels}")
        few = [f for f in query(peer, stream, kind=3, valueCount=1)["fields"] if f[0] == 1]
        require(few and few[0][5:] == (3, b"info"), f"with one value the field level is {few}")


@check("wire 4.21", "fields of QUERY that contradict each other are refused with bad_request")
def _(run):
    stream = run.stream()
    with run.peer() as peer:
        good = {"kind": 1, "selectors": [(0, stream)]}
        for changes in [{"kind": 0}, {"kind": 4}, {"width": 1}, {"valueCount": 1}, {"kind": 2}, {"kind": 2, "width": -1}, {"kind": 3}, {
                "kind": 3, "valueCount": 101}, {"selectors": []}, {"extensions": [(FILTER, b"(")]}]:
            peer.refuses("bad_request", "QUERY", flags=0, **{**good, **changes})


@check("session 6", "a QUERY that is cancelled is answered by END cancelled, or by its RESULT")
def _(run):
    with run.peer() as peer:
        id = peer.start("QUERY", kind=1, selectors=[(1, b"**")])
        peer.send("CANCEL", id)
        message = peer.answer(id)
        require(message["type"] == "RESULT" or (message["type"], message.get("reason")) == ("END", 4), f"{shown(message)} in place of END")
        peer.goes_on()


# DELETE

def deletable(run, peer, stream):
    """A stream with 20 entries that may be deleted from; its incarnation."""
    peer.fill(stream, 4, 5)
    answer = peer.ask("DELETE", deleteFlags=1, stream=stream)
    if answer["type"] == "ERROR" and CODES.get(answer["code"]) == "forbidden":
        raise Skipped("this client may not delete: connect over a Unix socket, or with a token that may")
    require((answer["type"], answer.get("entries"), answer.get("from"), answer.get("to")) == ("DELETED", 20, 1, 20), f"{shown(answer)}")
    return answer["incarnation"]


@check("session 6.1", "a range that is deleted is covered by SKIP deleted; head and incarnation stay; asked for again it deletes nothing")
def _(run):
    stream = run.stream()
    with run.peer() as peer:
        incarnation = deletable(run, peer, stream)
        for count in 6, 0:
            answer = peer.ask("DELETE", incarnation=incarnation, stream=stream, **{"from": 3, "to": 8})
            require((answer["type"], answer.get("entries")) == ("DELETED", count), f"{shown(answer)} with {answer.get('entries')} entries")
        delivery = delivered(peer, stream, followFlags=UNTIL_HEAD).ended(UNTIL)
        require(delivery.messages == [b"%d" % n for n in (1, 2, *range(9, 21))], f"{delivery.messages} is delivered")
        require(delivery.skips == [(DELETED, 3, 8)], f"the skips are {delivery.skips}")
        require(query(peer, stream, kind=1)["entries"] == 14, "QUERY counts what was deleted")
        ack = peer.append(stream, os.urandom(16), 1, entries([b"21"]))
        require((ack["firstSequence"], ack["incarnation"]) == (21, incarnation), "the next entry has another number or incarnation")


@check("session 6.1", "a stream that is deleted is gone: followers get stream_replaced, and its name begins anew")
def _(run):
    stream = run.stream()
    with run.peer() as peer, run.peer() as other:
        incarnation = deletable(run, peer, stream)
        live = delivered(other, stream).until(lambda d: d.lives)
        require(peer.ask("DELETE", incarnation=incarnation, stream=stream)["type"] == "DELETED", "no DELETED")
        live.until(lambda d: d.end)
        require(CODES.get(live.end.get("code")) == "stream_replaced", f"{shown(live.end)} in place of stream_replaced")
        peer.refuses("unknown_stream", "DELETE", flags=0, stream=stream)
        ack = peer.append(stream, os.urandom(16), 1, entries([b"1"]))
        require(ack["firstSequence"] == 1 and ack["incarnation"] != incarnation, "the new stream goes on with the old one")
        peer.refuses("stream_replaced", "DELETE", flags=0, incarnation=incarnation, stream=stream)
        peer.refused(peer.follow(stream, cursors=[(stream, incarnation, 1)]), "stream_replaced", 0)


@check("wire 4.24", "DELETE of the server's own streams is forbidden, and ranges that are none are refused with bad_request")
def _(run):
    stream = run.stream()
    with run.peer() as peer:
        deletable(run, peer, stream)
        for values in {"from": 0, "to": 5}, {"from": 5, "to": 0}, {"from": 6, "to": 5}, {"deleteFlags": 2}, {"from": 1, "to": 1 << 63}:
            peer.refuses("bad_request", "DELETE", flags=0, stream=stream, **values)
        peer.refuses("forbidden", "DELETE", flags=0, stream=b"$audit")


# AUTH

@check("session 3.2", "AUTH with the same token is answered by AUTHORIZED, and what is under way goes on")
def _(run):
    if not run.welcome["features"] & 4:
        raise Skipped("the server takes no AUTH")
    stream = run.stream()
    with run.peer() as peer:
        live = delivered(peer, stream).until(lambda d: d.lives)
        require(peer.ask("AUTH", token=run.token)["type"] == "AUTHORIZED", "no AUTHORIZED")
        with run.peer() as other:
            other.fill(stream, 1)
        live.until(lambda d: d.messages)


@check("session 3.2", "AUTH with a wrong token is refused with unauthorized, not retryable, and the one before goes on to count")
def _(run):
    if run.welcome["features"] & 6 != 6:
        raise Skipped("the server takes no AUTH, or checks no tokens")
    with run.peer() as peer:
        peer.refuses("unauthorized", "AUTH", flags=0, token=b"no-token-that-anybody-has")
        require(peer.ask("LIST", limit=1)["type"] == "LISTING", "no LISTING")
