"""Runs a log shipper through every way in which files rotate, with faults, and counts what it lost and doubled.

A writer for each way numbers its lines and rotates its file at random moments. Meanwhile the shipper is killed, stopped
and resumed, and its server is killed. At the end every number must have arrived once and in order. Prints a table;
exits with 1 if a number is missing or doubled where none may be.

    Scripts/ship-torture.py --seconds 60 --seed 7
    Scripts/ship-torture.py --commit server      # without a spool: what a killed ship has sent may come twice
    Scripts/ship-torture.py --agent rsyslog      # the same for rsyslog's imfile, for comparison
"""

import argparse
import gzip
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PORT = 7011


class Writer(threading.Thread):
    """Writes numbered lines to one file, and rotates it in one way."""

    def __init__(self, way, directory, generator, seconds, rate, agent):
        super().__init__(daemon=True)
        self.agent = agent
        self.way, self.directory, self.generator = way, directory, generator
        self.seconds, self.rate = seconds, rate
        self.path = os.path.join(directory, "app.log")
        self.count = 0
        self.rotations = 0
        self.truncations = []
        self.file = None
        self.failure = None
        self.may_rotate = threading.Lock()

    def open(self, flags=os.O_APPEND):
        self.file = os.open(self.path, os.O_WRONLY | os.O_CREAT | flags, 0o644)

    def line(self):
        self.count += 1
        length = self.generator.choice([0, 0, 0, 10, 60, 200, 3000])
        return f"{self.way} {self.count} {'x' * length}\n".encode()

    def write(self, count=1):
        os.write(self.file, b"".join(self.line() for _ in range(count)))

    def run(self):
        try:
            os.makedirs(self.directory, exist_ok=True)
            getattr(self, "begin_" + self.way, self.open)()
            end = time.monotonic() + self.seconds
            next_rotation = time.monotonic() + self.generator.uniform(0.2, 1.0)
            while time.monotonic() < end:
                self.write(self.generator.choice([1, 1, 2, 5, 20]))
                if time.monotonic() > next_rotation and self.may_rotate.acquire(blocking=False):
                    if self.way in VANISHING:
                        self.wait_until_read()
                    getattr(self, "rotate_" + self.way)()
                    self.may_rotate.release()
                    self.rotations += 1
                    next_rotation = time.monotonic() + self.generator.uniform(0.05, 1.5)
                time.sleep(self.generator.expovariate(self.rate))
            if self.file is not None:
                os.close(self.file)
        except Exception as failure:  # the table must say so
            self.failure = repr(failure)

    def wait_until_read(self):
        """Until the shipper has the file open. One that it never saw cannot be read any more."""
        mine = os.fstat(self.file)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                directory = f"/proc/{self.agent.ship.pid}/fd"
                for name in os.listdir(directory):
                    theirs = os.stat(f"{directory}/{name}")
                    if (theirs.st_dev, theirs.st_ino) == (mine.st_dev, mine.st_ino):
                        return
            except OSError:
                pass
            time.sleep(0.01)

    # Each way to rotate.

    def rotate_append(self):
        """Never rotates."""

    def rotate_reopen(self):
        """Closed and opened again for each bit."""
        os.close(self.file)
        self.open()

    def rotate_rename(self):
        """logrotate's create: renamed, then a new file."""
        self.shift()
        os.rename(self.path, self.path + ".1")
        os.close(self.file)
        self.open()

    def rotate_rename_late(self):
        """The writer goes on in the renamed file for a while."""
        self.shift()
        os.rename(self.path, self.path + ".1")
        created = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        for _ in range(self.generator.randrange(8)):
            self.write(self.generator.choice([1, 5]))
            time.sleep(self.generator.uniform(0, 0.02))
        os.close(self.file)
        self.file = created

    def rotate_rename_away(self):
        """Renamed into a directory that nobody watches."""
        os.makedirs(self.directory + "-old", exist_ok=True)
        os.rename(self.path, os.path.join(self.directory + "-old", str(self.rotations)))
        self.write(3)
        os.close(self.file)
        self.open()

    def rotate_delete(self):
        """Removed while it is open; the writer goes on for a while."""
        os.unlink(self.path)
        for _ in range(self.generator.randrange(4)):
            self.write(2)
            time.sleep(self.generator.uniform(0, 0.01))
        os.close(self.file)
        self.open()

    def rotate_inode(self):
        """Removed and created at once: the new file often gets the inode of the old one."""
        os.close(self.file)
        old = os.open(self.path, os.O_RDONLY)
        os.unlink(self.path)
        os.close(old)
        self.open()

    def rotate_header(self):
        """All files begin with the same lines."""
        self.rotate_rename()
        os.write(self.file, b"# the same header in each file\n" * 40)

    def begin_header(self):
        self.open()
        os.write(self.file, b"# the same header in each file\n" * 40)

    def rotate_copytruncate(self):
        """Copied, then emptied: what comes between the two is lost by the rotation itself."""
        shutil.copyfile(self.path, os.path.join(self.directory, "copy"))
        # Lines up to here are in the file; the shipper has read some of them.
        self.truncations.append(self.count)
        os.ftruncate(self.file, 0)

    def begin_copytruncate_hole(self):
        self.open(0)

    def rotate_copytruncate_hole(self):
        """The same by a writer that keeps its offset: a hole is left."""
        self.truncations.append(self.count)
        os.ftruncate(self.file, 0)

    def rotate_halves(self):
        """Lines that come in pieces."""
        for _ in range(3):
            line = self.line()
            cut = self.generator.randrange(1, len(line))
            os.write(self.file, line[:cut])
            time.sleep(self.generator.uniform(0, 0.3))
            os.write(self.file, line[cut:])

    def begin_symlink(self):
        self.switch()

    def switch(self):
        target = os.path.join(self.directory, f"real-{self.rotations}.data")
        created = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        link = os.path.join(self.directory, "next")
        os.symlink(target, link)
        os.rename(link, self.path)
        if self.file is not None:
            self.write(2)
            os.close(self.file)
        self.file = created

    def rotate_symlink(self):
        """A link that is switched to another file."""
        self.switch()

    def rotate_gzip(self):
        """Renamed, packed, and the packed file kept."""
        old = f"{self.path}.{self.rotations}"
        os.rename(self.path, old)
        os.close(self.file)
        self.open()
        time.sleep(self.generator.uniform(0, 0.1))
        with open(old, "rb") as source, gzip.open(old + ".gz", "wb") as packed:
            packed.write(source.read())
        os.unlink(old)

    def rotate_chmod(self):
        """Rights that go and come. (Matters only where the shipper is not root.)"""
        os.chmod(self.path, 0)
        self.write(2)
        time.sleep(0.05)
        os.chmod(self.path, 0o644)

    def rotate_directory(self):
        """The directory itself is moved away and made anew."""
        os.rename(self.directory, f"{self.directory}-{self.rotations}")
        self.write(2)
        os.close(self.file)
        os.makedirs(self.directory)
        self.open()

    def rotate_long(self):
        """Lines of hundreds of kilobytes."""
        self.count += 1
        os.write(self.file, f"long {self.count} ".encode() + b"y" * self.generator.randrange(300_000) + b"\n")

    def rotate_flood(self):
        """A burst that is more than one turn reads."""
        self.write(2_000)

    def rotate_flood_delete(self):
        """A burst, and the file is removed at once."""
        self.write(500)
        os.unlink(self.path)
        os.close(self.file)
        self.open()

    def shift(self):
        for number in range(KEPT_COUNT, 0, -1):
            if os.path.exists(f"{self.path}.{number}"):
                os.rename(f"{self.path}.{number}", f"{self.path}.{number + 1}")
        if os.path.exists(f"{self.path}.{KEPT_COUNT + 1}"):
            os.unlink(f"{self.path}.{KEPT_COUNT + 1}")


WAYS = [name[len("rotate_"):] for name in dir(Writer) if name.startswith("rotate_")]
LOSSY = {"copytruncate", "copytruncate_hole"}
# What is removed while no shipper runs, or before it has read it and is killed, nobody can read: these do not rotate
# around a kill.
VANISHING = {"delete", "directory", "flood_delete", "gzip", "inode", "rename_away", "symlink"}
CALM_SECONDS = 1.5
# How many old files are kept by the ways that rename them in turn.
KEPT_COUNT = 20


class OurAgent:
    """`logs ship` and a server."""

    def __init__(self, place, binaries, commit):
        self.place, self.binaries, self.commit = place, binaries, commit
        self.server = self.ship = None
        self.log = open(os.path.join(place, "agent.log"), "ab")
        self.environment = dict(os.environ, LOGS_SERVER=f"logs://127.0.0.1:{PORT}")

    def start_server(self):
        self.server = subprocess.Popen(
            [f"{self.binaries}/logsd", "--data", f"{self.place}/data", "--listen", f"127.0.0.1:{PORT}"],
            stdout=subprocess.PIPE, stderr=self.log)
        while b"ready" not in self.server.stdout.readline():
            if self.server.poll() is not None:
                raise RuntimeError(f"the server did not start; see {self.place}/agent.log")

    def start(self):
        self.ship = subprocess.Popen(
            [f"{self.binaries}/logs", "ship", "--files", f"{self.place}/logs/*/app.log*", "--start", "beginning",
             "--stream", "{directory}", "--format", "raw", "--multiline", "none", "--state", f"{self.place}/state",
             "--commit", self.commit],
            env=self.environment, stdout=self.log, stderr=self.log)

    def kill(self):
        self.ship.send_signal(signal.SIGKILL)
        self.ship.wait()

    def stop(self):
        self.ship.terminate()
        return self.ship.wait(timeout=120)

    def kill_server(self):
        self.server.send_signal(signal.SIGKILL)
        self.server.wait()

    def arrived(self):
        """Messages by way, in the order of their streams."""
        result = {}
        streams = subprocess.run(
            [f"{self.binaries}/logs", "streams", "-o", "json"], env=self.environment, capture_output=True, check=True)
        for line in streams.stdout.splitlines():
            name = json.loads(line)["name"]
            if "/logs/" not in name:
                continue
            output = subprocess.run(
                [f"{self.binaries}/logs", "query", name, "-o", "json"], env=self.environment, capture_output=True,
                check=True)
            for entry in output.stdout.splitlines():
                entry = json.loads(entry)
                if entry.get("kind", "log") != "log":
                    continue
                words = entry["message"].lstrip("\0").split(" ")
                if len(words) >= 2 and words[0] in WAYS and words[1].isdigit():
                    result.setdefault(words[0], []).append(int(words[1]))
        return result

    def close(self):
        for process in (self.ship, self.server):
            if process is not None and process.poll() is None:
                process.terminate()
                process.wait()


class Rsyslog:
    """rsyslog's imfile, which writes what it has read to a file."""

    def __init__(self, place, binaries, commit):
        self.place = place
        self.process = None
        os.makedirs(f"{place}/work", exist_ok=True)
        with open(f"{place}/rsyslog.conf", "w") as configuration:
            configuration.write(f"""
global(workDirectory="{place}/work" maxMessageSize="1m")
module(load="imfile" mode="inotify")
template(name="raw" type="string" string="%msg%\\n")
input(type="imfile" file="{place}/logs/*/app.log*" tag="t" freshStartTail="off" reopenOnTruncate="on"
      persistStateInterval="1" maxLinesPerMinute="0")
action(type="omfile" file="{place}/out" template="raw" queue.type="linkedList" queue.filename="q"
       queue.saveOnShutdown="on")
""")
        self.log = open(os.path.join(place, "agent.log"), "ab")

    def start_server(self):
        pass

    def kill_server(self):
        pass

    def start(self):
        self.process = subprocess.Popen(
            ["rsyslogd", "-n", "-f", f"{self.place}/rsyslog.conf", "-i", f"{self.place}/pid"], stdout=self.log,
            stderr=self.log)
        self.ship = self.process

    def kill(self):
        self.process.kill()
        self.process.wait()
        if os.path.exists(f"{self.place}/pid"):
            os.unlink(f"{self.place}/pid")

    def stop(self):
        self.process.terminate()
        return self.process.wait(timeout=120)

    def arrived(self):
        result = {}
        with open(f"{self.place}/out", errors="replace") as lines:
            for line in lines:
                words = line.lstrip("\0 ").split(" ")
                if len(words) >= 2 and words[0] in WAYS and words[1].strip().isdigit():
                    result.setdefault(words[0], []).append(int(words[1]))
        return result

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--agent", choices=["logs", "rsyslog"], default="logs")
    parser.add_argument("--commit", choices=["spool", "server"], default="spool", help="when positions are final")
    parser.add_argument("--binaries", default=os.environ.get("LOGS_BINARIES", f"{ROOT}/.build/release"))
    parser.add_argument("--ways", default=",".join(WAYS), help="some of: " + ", ".join(WAYS))
    parser.add_argument("--faults", choices=["none", "some"], default="some")
    parser.add_argument("--rate", type=float, default=200, help="writes a second and way")
    parser.add_argument("--keep", action="store_true", help="keep the directory")
    arguments = parser.parse_args()
    place = tempfile.mkdtemp(prefix="ship-torture-")
    print(f"seed {arguments.seed}, {arguments.seconds:g} s, agent {arguments.agent}, in {place}", file=sys.stderr)
    code = 2
    try:
        code = torture(arguments, place)
    finally:
        if arguments.keep or code != 0:
            print(f"kept: {place}", file=sys.stderr)
        else:
            shutil.rmtree(place)
    sys.exit(code)


def torture(arguments, place):
    generator = random.Random(arguments.seed)
    agent = (OurAgent if arguments.agent == "logs" else Rsyslog)(place, arguments.binaries, arguments.commit)
    os.makedirs(f"{place}/logs")
    faults = {"agent killed": 0, "agent stopped for a while": 0, "agent ended and started": 0, "server killed": 0}
    try:
        agent.start_server()
        agent.start()
        time.sleep(1)
        ways = arguments.ways.split(",")
        writers = [
            Writer(way, f"{place}/logs/{way}", random.Random(generator.randrange(1 << 32)), arguments.seconds,
                   arguments.rate, agent) for way in ways]
        for writer in writers:
            writer.start()
        end = time.monotonic() + arguments.seconds
        while time.monotonic() < end and arguments.faults == "some":
            time.sleep(generator.uniform(0.3, 2.5))
            fault = generator.choice(list(faults))
            faults[fault] += 1
            calm = [writer for writer in writers if writer.way in VANISHING and fault.startswith("agent")]
            for writer in calm:
                writer.may_rotate.acquire()
            if calm:
                time.sleep(CALM_SECONDS)
            if fault == "agent killed":
                agent.kill()
                agent.start()
            elif fault == "agent stopped for a while":
                agent.ship.send_signal(signal.SIGSTOP)
                time.sleep(generator.uniform(0, 0.3))
                agent.ship.send_signal(signal.SIGCONT)
            elif fault == "agent ended and started":
                agent.stop()
                agent.start()
            else:
                agent.kill_server()
                time.sleep(generator.uniform(0, 0.5))
                agent.start_server()
            for writer in calm:
                writer.may_rotate.release()
        for writer in writers:
            writer.join()
        settle(agent, writers)
        agent.stop()
        arrived = agent.arrived()
    finally:
        agent.close()
    return report(writers, arrived, faults, arguments)


def settle(agent, writers):
    """Waits until all has arrived that must, or a minute is over, and nothing new arrives."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        arrived = agent.arrived()
        if all(len(set(arrived.get(writer.way, []))) >= writer.count for writer in writers if writer.way not in LOSSY):
            break
        time.sleep(0.5)
    before, since = None, time.monotonic()
    while time.monotonic() - since < 4:
        time.sleep(0.5)
        now = {way: len(numbers) for way, numbers in agent.arrived().items()}
        if now != before:
            before, since = now, time.monotonic()


def stray_losses(writer, numbers):
    """What is missing and did not stand at the end of the file when it was emptied."""
    strays = []
    truncations = set(writer.truncations)
    for number in range(1, writer.count + 1):
        if number in numbers:
            continue
        # A run of missing lines ends with the last one before a truncation.
        if number not in truncations and number + 1 in numbers:
            strays.append(number)
    return strays


def report(writers, arrived, faults, arguments):
    print(f"{'way':<20} {'written':>8} {'rotations':>9} {'lost':>6} {'doubled':>7} {'disorder':>8}")
    failed = False
    # What was sent and had no answer when the shipper was killed.
    may_double = arguments.commit == "server"
    for writer in sorted(writers, key=lambda writer: writer.way):
        numbers = arrived.get(writer.way, [])
        lost = writer.count - len(set(numbers))
        doubled = len(numbers) - len(set(numbers))
        disorder = sum(1 for a, b in zip(numbers, numbers[1:]) if b < a)
        places = [f"{a} > {b}" for a, b in zip(numbers, numbers[1:]) if b < a]
        note = f"  disorder: {places[:3]}" if places else ""
        if writer.way in LOSSY:
            strays = stray_losses(writer, set(numbers))
            note += f"  at {len(writer.truncations)} truncations"
            if strays:
                note += f", but not {strays[:3]}"
            if doubled and not may_double or strays:
                failed = True
        elif lost or doubled and not may_double:
            missing = sorted(set(range(1, writer.count + 1)) - set(numbers))
            note += f"  lost: {missing[:3]} to {missing[-1]}" if missing else ""
            failed = True
        if writer.failure:
            note, failed = f"  the writer failed: {writer.failure}", True
        print(f"{writer.way:<20} {writer.count:>8} {writer.rotations:>9} {lost:>6} {doubled:>7} {disorder:>8}{note}")
    print("faults: " + ", ".join(f"{count} times {name}" for name, count in faults.items()))
    return 1 if failed and arguments.agent == "logs" else 0


if __name__ == "__main__":
    main()
