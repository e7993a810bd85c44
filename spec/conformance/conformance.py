#!/usr/bin/python3
"""Checks a server against the specification of the protocol, version 1.

    conformance.py URL [--token TOKEN] [--only TEXT] [--stop COMMAND] [--slow]

URL is that of client.py (logs://host:port, logs+tls://..., logs+unix:///path), or host:port. Each line of the output is a
requirement: `ok`, `FAIL` with what the server does instead, or `skip` with what it would take, and the section of spec/ that has the
rule. Exit code 0: nothing failed; 1: something did; 2: usage, or no server.

Start the server for this alone: a run leaves some 200 streams, conformance/..., and needs what a client may do that appends, reads
and deletes. With a heartbeat of more than 2 s, what takes several of them is left out unless --slow is given. --stop names a command
that has the server stop in an orderly way, for the last check: --stop 'kill PID'.
"""
import argparse
import os
import sys
import time

from peer import CHECKS, Broken, Run, Skipped
from client import Failed

# Each adds its checks, in this order: the last one ends the server.
import handshake  # noqa: F401
import appending  # noqa: F401
import following  # noqa: F401
import asking  # noqa: F401
import ending  # noqa: F401


def result(function, run):
    try:
        function(run)
    except Skipped as skipped:
        return "skip", str(skipped)
    except (Broken, OSError) as broken:
        return "FAIL", str(broken) or type(broken).__name__
    return "ok", ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--token", default=os.environ.get("LOGS_TOKEN", ""))
    parser.add_argument("--only", default="", help="checks whose section or requirement has this text")
    parser.add_argument("--stop", help="a command that has the server stop")
    parser.add_argument("--slow", action="store_true", help="wait for heartbeats, however long they are")
    given = parser.parse_args()
    url = given.url if "://" in given.url else f"logs://{given.url}"
    try:
        run = Run(url, given.token.encode(), given.stop, given.slow)
    except (Broken, Failed, OSError) as problem:
        print(f"conformance.py: no connection to {url}: {problem}", file=sys.stderr)
        sys.exit(2)
    counts, began = {"ok": 0, "FAIL": 0, "skip": 0}, time.monotonic()
    for section, requirement, function in CHECKS:
        if given.only not in f"{section} {requirement}":
            continue
        outcome, why = result(function, run)
        counts[outcome] += 1
        print(f"{outcome:4} {section:12} {requirement}" + (f"\n     {why}" if why else ""), flush=True)
    print(f"{counts['ok']} passed, {counts['FAIL']} failed, {counts['skip']} skipped, in {time.monotonic() - began:.1f} s")
    sys.exit(1 if counts["FAIL"] else 0)


if __name__ == "__main__":
    main()
