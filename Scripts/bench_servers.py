"""What bench-growth.py and bench-compare.py share: servers with data of their own, of which nothing is left, and tables.

All files are in `work`, a directory in $TMPDIR, or else in /var/tmp: not in /tmp, which is kept in memory on many systems, where an
fsync costs nothing. `run` ends the servers and removes it. Should this process be killed, the kernel kills its servers, and then a
shell removes the directory: it reads from a pipe whose other end this process and its servers alone hold.
"""

import json
import os
import resource
import select
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BINARIES = os.environ.get("LOGS_BINARIES") or f"{ROOT}/.build/release"
PROGRAM = os.path.splitext(os.path.basename(sys.argv[0]))[0]
READY_SECONDS_MAX = 300
# Of what takes a few milliseconds, the median of so many.
REPEAT_COUNT = 5

work = tempfile.mkdtemp(prefix=f"logs-{PROGRAM}-", dir=os.environ.get("TMPDIR") or "/var/tmp")
keeper = subprocess.Popen(
    ["/bin/sh", "-c", 'read -r line; rm -rf "$1"', "keeper", work], stdin=subprocess.PIPE, start_new_session=True)
# For what other programs leave when they are killed.
os.environ["TMPDIR"] = work
# What `spawn` has started.
running = []


def run(main):
    """Calls `main`; whatever ends it, no server and no file is left."""
    signals = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT]
    try:
        for number in signals:
            signal.signal(number, lambda *_: sys.exit(130))
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
        main()
    finally:
        for number in signals:
            signal.signal(number, signal.SIG_IGN)
        # Clients before their servers.
        for process in reversed(running):
            process.kill()
            process.wait()
        shutil.rmtree(work)


def fail(text):
    sys.exit(f"{PROGRAM}: {text}")


def output_of(*words, output=subprocess.PIPE):
    finished = subprocess.run(words, stdout=output, stderr=subprocess.PIPE, text=True)
    if finished.returncode != 0:
        fail(f"{' '.join(words)}: {finished.stderr[-1000:]}")
    return finished.stdout


def spawn(words, **keywords):
    """Starts what does not end by itself, but with this process."""
    # A session of its own: Ctrl-C is for this program, which ends it itself.
    process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *words], start_new_session=True, **keywords)
    running.append(process)
    return process


def end(process, number=signal.SIGKILL):
    process.send_signal(number)
    process.wait()
    running.remove(process)


def corpus(line_count):
    """A file with so many of the built-in lines."""
    path = f"{work}/corpus-{line_count}"
    if not os.path.exists(path):
        with open(path, "w") as file:
            output_of(f"{BINARIES}/logs", "bench", "corpus", "--entries", str(line_count), output=file)
    return path


class Server:
    """A server with a directory of its own, started. What is special about a kind of server is in its subclass."""

    def __init__(self, *flags):
        self.directory = tempfile.mkdtemp(dir=work)
        self.flags = flags
        self.start()

    def start(self):
        """Starts it, and returns the milliseconds until it is ready; setpriv takes less than one of them."""
        begun = time.monotonic()
        with open(f"{self.directory}/log", "a") as log:
            self.process = spawn(
                [*self.command(), *self.flags], stdout=subprocess.PIPE, stderr=log, pass_fds=[keeper.stdin.fileno()], text=True)
        is_ready = self.wait_until_ready(begun + READY_SECONDS_MAX)
        took = time.monotonic() - begun
        if not is_ready:
            with open(f"{self.directory}/log") as log:
                fail(f"{self.name} did not become ready: {log.read()[-1000:]}")
        return took * 1e3

    def stop(self, number=signal.SIGTERM):
        """Ends it, and returns the milliseconds that this takes."""
        begun = time.monotonic()
        end(self.process, number)
        took = time.monotonic() - begun
        self.process.stdout.close()
        return took * 1e3

    def kill(self):
        self.stop(signal.SIGKILL)

    def end(self):
        if self.process in running:
            self.kill()
        shutil.rmtree(self.directory)

    def forget_files(self):
        """Asks the system to keep nothing of the files in memory."""
        os.sync()
        for folder, _, names in os.walk(self.directory):
            for name in names:
                with open(f"{folder}/{name}", "rb") as file:
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def bench(self, *words, **keywords):
        return json.loads(output_of(*self.bench_command(*words, **keywords)))

    def resident_megabytes(self):
        with open(f"/proc/{self.process.pid}/statm") as file:
            return int(file.read().split()[1]) * resource.getpagesize() / 1e6

    def descriptor_count(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


class Logsd(Server):
    name = "logsd"

    def command(self):
        return [f"{BINARIES}/logsd", "--data", f"{self.directory}/data", "--listen", "127.0.0.1:0"]

    def wait_until_ready(self, deadline):
        ready, _, _ = select.select([self.process.stdout], [], [], deadline - time.monotonic())
        words = self.process.stdout.readline().split() if ready else []
        if len(words) != 2 or words[0] != "ready":
            return False
        self.url = words[1]
        return True

    def bench_command(self, *words, repeat=1):
        return [f"{BINARIES}/logs", "bench", *words, "--repeat", str(repeat), "-o", "json", "--server", self.url]

    def logs(self, *words, output=subprocess.PIPE):
        """Runs `logs`, and returns what it writes and the milliseconds that it takes."""
        begun = time.monotonic()
        text = output_of(f"{BINARIES}/logs", *words, "--server", self.url, output=output)
        return text, (time.monotonic() - begun) * 1e3

    def milliseconds(self, *words):
        return statistics.median(self.logs(*words, output=subprocess.DEVNULL)[1] for _ in range(REPEAT_COUNT))

    def status(self, key):
        return json.loads(self.logs("status", "-o", "json")[0])[key]

    def cpu_seconds(self):
        return self.status("cpu_microseconds_total") / 1e6


def shown(number):
    return f"{number:,.0f}" if number >= 100 or number == int(number) else f"{number:.3g}"


def print_table(rows, text_column_count):
    """Prints rows of strings, the first columns flush left, the others, which hold numbers, flush right."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows)]
    for row in rows:
        cells = [
            cell.ljust(width) if column < text_column_count else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths))]
        print("  ".join(cells).rstrip())
    print(flush=True)
