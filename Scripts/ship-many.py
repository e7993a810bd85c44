"""Measures what `logs ship` takes for many files that are written to all the time: processor, memory, wake-ups when idle.

    Scripts/ship-many.py [--files 1000] [--rate 10] [--seconds 15] [--linger 1s]

LOGS_BINARIES names the directory of the programs, .build/release without it. Nothing is asserted: machines differ.
"""

import argparse
import os
import shutil
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BINARIES = os.environ.get("LOGS_BINARIES", f"{ROOT}/.build/release")
URL = "127.0.0.1:7012"


def cpu_seconds(process):
    with open(f"/proc/{process.pid}/stat") as stat:
        words = stat.read().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def switches(process):
    """How often each thread has slept."""
    counts = {}
    for thread in os.listdir(f"/proc/{process.pid}/task"):
        with open(f"/proc/{process.pid}/task/{thread}/status") as status:
            counts[thread] = sum(int(line.split()[1]) for line in status if line.startswith("voluntary"))
    return counts


def difference(before, after):
    """Of the threads that there still are: those that have ended since had nothing to do."""
    return sum(count - before.get(thread, 0) for thread, count in after.items())


def resident_mib(process):
    with open(f"/proc/{process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=10, help="lines a second and file")
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--linger", help="passed to ship")
    arguments = parser.parse_args()
    place = tempfile.mkdtemp(prefix="ship-many-")
    try:
        measure(arguments, place)
    finally:
        shutil.rmtree(place)


def measure(arguments, place):
    os.makedirs(f"{place}/logs")
    server = subprocess.Popen(
        [f"{BINARIES}/logsd", "--data", f"{place}/data", "--listen", URL], stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL)
    server.stdout.readline()
    files = [
        os.open(f"{place}/logs/{number}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for number in range(arguments.files)]
    command = [f"{BINARIES}/logs", "ship", "--files", f"{place}/logs/*.log", "--state", f"{place}/state", "-q"]
    if arguments.linger:
        command += ["--linger", arguments.linger]
    ship = subprocess.Popen(command, env=dict(os.environ, LOGS_SERVER=f"logs://{URL}"))
    try:
        time.sleep(3)
        before, since = switches(ship), time.monotonic()
        time.sleep(5)
        print(f"idle: {difference(before, switches(ship)) / (time.monotonic() - since):.1f} wake-ups/s")
        before, since, written = cpu_seconds(ship), time.monotonic(), 0
        while time.monotonic() - since < arguments.seconds:
            wanted = int((time.monotonic() - since) * arguments.files * arguments.rate)
            while written < wanted:
                line = f"2026-11-29T23:00:00.000Z INFO request {written} took 12 ms for user alpha\n"
                os.write(files[written * 7919 % arguments.files], line.encode())
                written += 1
            time.sleep(0.002)
        elapsed = time.monotonic() - since
        print(f"{written / elapsed:.0f} lines/s into {arguments.files} files: "
              f"{100 * (cpu_seconds(ship) - before) / elapsed:.1f} % of a core, {resident_mib(ship):.1f} MiB at most")
    finally:
        for process in (ship, server):
            process.terminate()
            process.wait()
        for number in files:
            os.close(number)


if __name__ == "__main__":
    main()
