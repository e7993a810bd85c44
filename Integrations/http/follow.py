#!/usr/bin/env python3
"""Follows logs over HTTP as server-sent events, with nothing but the standard library. See docs/http-clients.md.

usage: follow.py URL     with the token in LOGS_TOKEN, if there is one; prints the entries as JSON, one a line
"""

import http.client
import json
import os
import sys
import time
import urllib.error
import urllib.request


class LogsError(Exception):
    """What the server refuses for good."""


def follow(url, token=None, after=None, reconnect=None, delay=2.0):
    """Yields (name, data) of each event, and goes on behind the last one when the connection breaks: `reconnect` times
    in a row, or for ever."""
    attempt = 0
    while True:
        wait = 0.0
        try:
            headers = {"Accept": "text/event-stream"}
            if token:
                headers["Authorization"] = f"Bearer {token}"
            if after:
                headers["Last-Event-ID"] = after
            # The server says something every 15 s.
            with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=60) as answer:
                for event in events(answer):
                    after = event.get("id", after)
                    name, data = event["event"], json.loads(event["data"])
                    if name == "complete":
                        return
                    if name == "timeout":
                        break
                    if name == "error":
                        if not data["retryable"]:
                            raise LogsError(data["detail"])
                        break
                    if name == "log":
                        attempt = 0
                    yield name, data
        except urllib.error.HTTPError as error:
            problem = json.load(error) if "json" in error.headers.get("Content-Type", "") else {}
            if not problem.get("retryable", error.code >= 500):
                raise LogsError(problem.get("detail", str(error))) from None
            wait = float(error.headers.get("Retry-After", 0))
        except (OSError, http.client.HTTPException) as error:
            print(f"{error}", file=sys.stderr)
        attempt += 1
        if reconnect is not None and attempt > reconnect:
            raise LogsError("Max retries reached")
        print(f"Reconnecting... ({attempt}{'' if reconnect is None else f'/{reconnect}'})", file=sys.stderr)
        time.sleep(max(wait, min(delay * attempt, 30.0)))


def events(lines):
    """Cuts a body into events."""
    event = {}
    for line in lines:
        text = line.decode().rstrip("\n")
        if text:
            name, _, value = text.partition(": ")
            event[name] = value
        elif event:
            if "event" in event:
                yield event
            event = {}


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        for name, data in follow(sys.argv[1], os.environ.get("LOGS_TOKEN")):
            if name == "log":
                print(json.dumps(data, ensure_ascii=False), flush=True)
    except LogsError as error:
        sys.exit(f"follow.py: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
