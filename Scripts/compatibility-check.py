#!/usr/bin/python3
"""Checks that an earlier version and this one work together: clients, spools, cursor files and data directories, both ways.

    compatibility-check.py [COMMIT...] [--builds DIR]

Without COMMIT the last commits with each earlier format of segments are taken (old_versions.py). Each is built in a clone, which takes
some minutes; this tree's programs are those of `make build`, or in LOGS_BINARIES. What tests keep as files (Tests/Formats) is in
`make test`; this is for versions of which there are none, and for what an old program makes of a new peer.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

import old_versions
from old_versions import FORMATS, ROOT, Server, wait_until

failures = []


def report(holds, what):
    print(f"{'ok  ' if holds else 'FAIL'} {what}", flush=True)
    if not holds:
        failures.append(what)


def run(programs, *words, input=None, url=None):
    """(exit code, stdout, stderr) of `logs`."""
    server = ["--server", url] if url else []
    finished = subprocess.run([programs.logs, *words, *server], input=input, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
    return finished.returncode, finished.stdout, finished.stderr.decode(errors="replace")


def stored(programs, stream, server):
    return run(programs, "follow", stream, "-n", "all", "--until-head", "-o", "raw", url=server.url)[1]


def lines(first, last):
    return b"".join(b"line %d \xff\n" % n for n in range(first, last + 1))


def clients(client, server_programs, work):
    """What this client's commands do with a server of another version."""
    pair = f"client {client.name}, server {server_programs.name}"
    server = Server(server_programs, f"{work}/data", ["--segment-age", "1d"])
    code, _, errors = run(client, "push", "web", input=lines(1, 5000), url=server.url)
    report(code == 0 and stored(client, "web", server) == lines(1, 5000), f"{pair}: push and follow; {errors.strip()[:100]}")
    row = json.dumps({"time": "2026-11-30T10:00:00.5Z", "level": "warn", "message": "m", "n": 1, "f": 0.5, "list": [1, None], "map": {"k": "v"}})
    run(client, "push", "json", "--format", "json", input=row.encode() + b"\n", url=server.url)
    texts = [run(p, "follow", "json", "-n", "all", "--until-head", "-o", "json", url=server.url)[1] for p in (client, server_programs)]
    rows = [json.loads(text) for text in texts if text.strip()]
    keys = ("stream", "seq", "time", "received", "severity", "source", "message", "attributes", "kind")
    report(len(rows) == 2 and all(rows[0][k] == rows[1][k] for k in keys), f"{pair}: both versions print the same entry")

    live = subprocess.Popen([client.logs, "follow", "live", "-o", "raw", "--server", server.url], stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL)
    run(server_programs, "push", "live", input=lines(1, 3), url=server.url)
    report(b"".join(live.stdout.readline() for _ in range(3)) == lines(1, 3), f"{pair}: follow live")
    live.terminate()
    live.wait()

    code, _, errors = run(client, "complete", "web", url=server.url)
    again = run(client, "push", "web", input=lines(1, 1), url=server.url)[0]
    report(code == 0 and again != 0, f"{pair}: complete seals; {errors.strip()[:100]}")
    for command in ("streams",), ("status",):
        code, output, errors = run(client, *command, url=server.url)
        report(code == 0 and output, f"{pair}: {command[0]}; {errors.strip()[:100]}")
    # An old server has no queries, an old client does not know them: what matters is that it says so.
    code, output, errors = run(client, "query", "web", "--server", server.url, "--", "line")
    report(code == 0 and output or code not in (0, 139, 134) and errors.strip(), f"{pair}: query ends with {code}; {errors.strip()[:160]}")

    # A spool outlives the server.
    spool = f"{work}/spool"
    push = subprocess.Popen([client.logs, "push", "spooled", "--spool", spool, "-q", "--server", server.url], stdin=subprocess.PIPE,
                            stderr=subprocess.DEVNULL)
    push.stdin.write(lines(1, 2000))
    push.stdin.flush()
    wait_until(lambda: os.path.exists(f"{spool}/spool.db"), "making a spool")
    server.kill()
    server = Server(server_programs, f"{work}/data")
    push.stdin.write(lines(2001, 4000))
    push.stdin.close()
    report(push.wait() == 0 and stored(client, "spooled", server) == lines(1, 4000), f"{pair}: push through a kill of the server")
    server.stop()

    # What this version makes of sealed segments, an old client has to read.
    if server_programs is not client and "--rewrite-delay" in server_programs.settings:
        server = Server(server_programs, f"{work}/data", ["--rewrite-delay", "10ms"])
        segment = f"{server.data}/segments/0000000001.db"
        before = os.stat(segment).st_ino
        run(server_programs, "seal", server.data)
        if "--upkeep-cpu" in server_programs.settings:
            wait_until(lambda: os.stat(segment).st_ino != before, "compaction")
        whole = stored(client, "spooled", server) == lines(1, 4000) and stored(client, "web", server) == lines(1, 5000)
        report(whole, f"{pair}: follow of a sealed segment")
        server.stop()


def files(old, new, work):
    """Spools, cursor files and data directories that go from the old version to the new one, and back."""
    nobody = "logs+unix:///nowhere/at/all.sock"
    for first, second in (old, new), (new, old):
        # Each pair has a directory of the old version, which both can read, until the new one has changed it.
        data = f"{work}/{first.name[:4]}"
        server = Server(old, data)
        run(old, "push", "web", input=lines(1, 100), url=server.url)
        pair = f"from {first.name} to {second.name}"
        cursor, spool = f"{data}.cursor", f"{data}.spool"
        head = run(first, "follow", "web", "-n", "all", "--limit", "40", "-o", "raw", "--cursor-file", cursor, url=server.url)[1]
        tail = run(second, "follow", "web", "-n", "all", "--until-head", "-o", "raw", "--cursor-file", cursor, url=server.url)[1]
        report((head, tail) == (lines(1, 40), lines(41, 100)), f"{pair}: a cursor file goes on")
        run(first, "push", "spooled", "--spool", spool, input=lines(1, 10), url=server.url)
        run(first, "push", "spooled", "--spool", spool, "--retry-for", "0.2", input=lines(11, 30), url=nobody)
        code, _, errors = run(second, "spool", "drain", spool, url=server.url)
        report(code == 0 and stored(second, "spooled", server) == lines(1, 30), f"{pair}: a spool is drained; {errors.strip()[:100]}")
        server.stop()

    for ending in "stop", "kill":
        data = f"{work}/{ending}"
        server = Server(old, data)
        run(old, "push", "web", input=lines(1, 3000), url=server.url)
        getattr(server, ending)()
        server = Server(new, data)
        run(new, "push", "web", input=lines(3001, 3100), url=server.url)
        report(stored(old, "web", server) == lines(1, 3100), f"a data directory of {old.name} after a {ending} is read and goes on")
        server.stop()
        refused = subprocess.run([old.logsd, "--data", data, "--listen", "none", "--listen-unix", f"{data}.old.sock"],
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60) if is_raised(data, old) else None
        if refused:
            why = refused.stderr.decode(errors="replace").strip().split("\n")[-1]
            report(refused.returncode and "newer" in why, f"{old.name} refuses what the new version has raised: {why[-110:]}")


def is_raised(data, old):
    """Whether the newest segment has a format that the old version does not know."""
    segments = f"{data}/segments"
    newest = max(name for name in os.listdir(segments) if name.endswith(".db"))
    with open(f"{segments}/{newest}", "rb") as file:
        format = int.from_bytes(file.read(64)[60:64], "big")
    return format > max([known for known, commit in FORMATS.items() if commit == old.name], default=format)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commits", nargs="*", metavar="COMMIT", default=list(FORMATS.values()))
    parser.add_argument("--builds", default=f"{ROOT}/.build/versions")
    given = parser.parse_args()
    new = old_versions.here()
    for commit in given.commits:
        old = old_versions.build(commit, given.builds)
        for part in (lambda work: clients(old, new, work)), (lambda work: clients(new, old, work)), (lambda work: files(old, new, work)):
            with tempfile.TemporaryDirectory(prefix="logs-versions-") as work:
                part(work)
    print(f"{len(failures)} failed")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
