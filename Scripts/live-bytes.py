#!/usr/bin/env python3
"""Measures what a follower of a slow stream receives for each line, before and after it is sent a dictionary.

usage: live-bytes.py BINARIES LINES [COUNT]

BINARIES has logsd and logs. LINES is a file; all but its last COUNT lines (1800) are stored and compacted, and the
last ones are pushed one by one, 18 a second, while one follower is connected. Needs ss (iproute2).
"""
import pathlib
import re
import subprocess
import sys
import tempfile
import time

PAUSE = 0.055
PORT = 7711


def received_bytes():
    """Of the connection that has received most: the follower's."""
    text = subprocess.run(["ss", "-tniH", f"dport = :{PORT}"], capture_output=True, text=True, check=True).stdout
    return max(map(int, re.findall(r"bytes_received:(\d+)", text)), default=0)


def main():
    binaries, lines_path = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 1800
    lines = lines_path.read_bytes().splitlines(keepends=True)
    stored, live = lines[:-count], lines[-count:]
    url = f"logs://127.0.0.1:{PORT}"
    with tempfile.TemporaryDirectory() as directory:
        data, log = f"{directory}/data", pathlib.Path(directory, "log")
        flags = ["--data", data, "--listen", f"127.0.0.1:{PORT}", "--rewrite-delay", "10ms", "--upkeep-cpu", "100"]
        with log.open("wb") as errors:
            server = subprocess.Popen([binaries / "logsd", *flags], stdout=subprocess.PIPE, stderr=errors)
        server.stdout.readline()
        push = [binaries / "logs", "push", "web", "--server", url]
        subprocess.run(push, input=b"".join(stored), stderr=subprocess.DEVNULL, check=True)
        subprocess.run([binaries / "logs", "seal", data], stderr=subprocess.DEVNULL, check=True)
        while b"compacted" not in log.read_bytes():
            time.sleep(0.1)
        follower = subprocess.Popen(
            [binaries / "logs", "follow", "web", "-n", "0", "-o", "raw", "--server", url], stdout=subprocess.PIPE)
        producer = subprocess.Popen(push, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        time.sleep(1)
        before = received_bytes()
        for number, line in enumerate(live, 1):
            producer.stdin.write(line)
            producer.stdin.flush()
            follower.stdout.readline()
            time.sleep(PAUSE)
            if number % 200 == 0:
                total = received_bytes()
                print(f"lines {number - 199} to {number}: {(total - before) / 200:.0f} bytes a line")
                before = total
        producer.stdin.close()
        producer.wait()
        follower.terminate()
        follower.wait()
        server.terminate()
        server.wait()


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main()
