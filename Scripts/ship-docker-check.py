#!/usr/bin/python3
"""usage: ship-docker-check.py [--containers N] [--seconds N] [--rate N] [--tcp] | --screen SECONDS

Ships the containers of a Docker Engine of its own with `logs ship`, and compares what is stored with what `docker logs
--timestamps` says: each line once, in order within its container and stream, with the engine's time.

Of two containers the engine rotates the log away: what it could be asked for at any time must be stored, once and whole.
Meanwhile others are restarted and removed, the engine and the shipper are killed and started again. Before that, in quiet, it
measures how long lines take from the engine's time to `logs follow`. Needs root, dockerd and a static busybox; is skipped, and
says so, where the engine does not run.

  --containers N  (20), of which one has a terminal
  --seconds N     with disturbances (30), after a third as many in quiet
  --rate N        lines a second of all containers (1000)
  --tcp           ships over tcp:// instead of the engine's socket
  --screen SECONDS  measures only how long the lines of one container, 50 a second, take from their write to the screen of the
                  viewer in Chromium; needs the Python of the viewer's tests, .build/viewer-tests/bin/python

LOGS_BINARIES names the directory of the programs, .build/release without it."""
import argparse
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import tarfile
import threading
import time

import bench_servers
from bench_servers import BINARIES, end, fail, output_of, spawn, work

PIECE = 16384
LONG = 40000
# The engine keeps only the last lines of these containers; a long line may begin in one file and end in another.
ROTATED = {"c02": ["--log-opt", "max-size=100k", "--log-opt", "max-file=3"],
           "c03": ["--log-opt", "max-size=20k", "--log-opt", "max-file=6", "--tty"]}
LOOK_SECONDS = 0.5
# As an engine writes it in front of a piece.
TIME = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z ")
SETTLE_SECONDS = 60

# Writes numbered lines, every tenth to stderr, and now and then a long one.
WRITER = """
long=$(head -c %(long)d /dev/zero | tr '\\0' x)
n=0
while :; do
  n=$((n + 1))
  echo "$RUN out $n"
  [ $((n %% 10)) != 0 ] || echo "$RUN err $n" >&2
  [ $((n %% 200)) != 7 ] || echo "$RUN long $n $long"
  usleep %(pause)d
done
"""

# A line each 20 ms, with its number and the time of its write. The image has no clock that is fine enough: the host's Python has.
TIMED_WRITER = """
import os, sys, time
begun, count = time.monotonic(), int(sys.argv[1])
for number in range(1, count + 1):
    time.sleep(max(0, begun + number * 0.02 - time.monotonic()))
    os.write(1, b"line %d written %d\\n" % (number, time.time_ns()))
time.sleep(60)
"""

# Notes the first frame that has a row: the second callback from its insertion on runs after the frame of the first was painted.
PAINT_WATCH = """() => {
  window.painted = new Map();
  const take = () => {
    const found = [];
    for (const cell of document.querySelectorAll("#rows > .row .message")) {
      const match = /^line (\\d+) written (\\d+)$/.exec(cell.textContent);
      if (!match || window.painted.has(match[1])) continue;
      window.painted.set(match[1], null);
      found.push([match[1], Number(BigInt(match[2]) / 1000n) / 1000]);
    }
    if (found.length === 0) return;
    requestAnimationFrame(() => requestAnimationFrame(() => {
      const now = performance.timeOrigin + performance.now();
      for (const [number, written] of found) window.painted.set(number, now - written);
    }));
  };
  new MutationObserver(take).observe(document.getElementById("rows"), { childList: true, subtree: true, characterData: true });
}"""


class Engine:
    """A Docker Engine with a directory of its own. Containers run on when it is killed."""

    def __init__(self, is_tcp):
        self.directory = f"{work}/engine"
        os.mkdir(self.directory)
        self.host = f"unix://{self.directory}/docker.sock"
        os.environ["DOCKER_HOST"] = self.host
        self.hosts = [self.host]
        if is_tcp:
            with socket.create_server(("127.0.0.1", 0)) as free:
                self.hosts.append(f"tcp://127.0.0.1:{free.getsockname()[1]}")

    def start(self):
        with open(f"{self.directory}/log", "a") as log:
            self.process = spawn(
                ["dockerd", f"--data-root={self.directory}/data", f"--exec-root={self.directory}/exec",
                 f"--pidfile={self.directory}/pid", *(word for host in self.hosts for word in ["-H", host]), "--iptables=false",
                 "--ip6tables=false", "--bridge=none", "--live-restore"], stdout=log, stderr=log)
        for _ in range(300):
            if subprocess.run(["docker", "version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0:
                return True
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        return False

    def kill(self):
        end(self.process)
        # Its containerd ends with it, but may still be there as a zombie, which the next one would take for alive.
        for path in ["pid", "exec/containerd/containerd.pid"]:
            os.unlink(f"{self.directory}/{path}")

    def make_image(self):
        """An image with nothing but busybox."""
        path = f"{work}/image.tar"
        with tarfile.open(path, "w") as tar:
            tar.add(shutil.which("busybox"), "bin/busybox")
            for name in output_of("busybox", "--list").split():
                if name != "busybox":
                    link = tarfile.TarInfo(f"bin/{name}")
                    link.type, link.linkname = tarfile.SYMTYPE, "busybox"
                    tar.addfile(link)
            # For programs of the host, whose /usr is mounted.
            for name in ["lib", "lib64"]:
                link = tarfile.TarInfo(name)
                link.type, link.linkname = tarfile.SYMTYPE, f"usr/{name}"
                tar.addfile(link)
        output_of("docker", "import", path, "tiny:1")
        os.unlink(path)

    def end(self):
        ids = subprocess.run(["docker", "ps", "-aq"], stdout=subprocess.PIPE, text=True).stdout.split()
        if ids:
            subprocess.run(["docker", "rm", "-f", *ids], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end(self.process, signal.SIGTERM)
        self.kill_left()
        with open("/proc/self/mounts") as mounts:
            points = [line.split()[1] for line in mounts]
        for point in sorted((p for p in points if p.startswith(f"{self.directory}/")), reverse=True):
            subprocess.run(["umount", "-l", point])


    def kill_left(self):
        """Ends what an engine that failed has left: shims, and under each the first process of a container."""
        shims = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline") as words, open(f"/proc/{pid}/task/{pid}/children") as children:
                    if "containerd-shim" in (text := words.read()) and self.directory in text:
                        shims += [*map(int, children.read().split()), int(pid)]
            except OSError:
                continue
        for pid in shims:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


class Shipper:
    def __init__(self, engine, server):
        self.words = [
            f"{BINARIES}/logs", "ship", "--docker", engine.hosts[-1], "--state", f"{work}/state", "--format", "raw", "--server",
            server.url]

    def start(self):
        with open(f"{work}/ship.log", "a") as log:
            self.process = spawn(self.words, stdout=log, stderr=log)

    def kill(self):
        end(self.process)

    def megabytes(self):
        with open(f"/proc/{self.process.pid}/statm") as file:
            return int(file.read().split()[1]) * resource.getpagesize() / 1e6


def docker(*words):
    return output_of("docker", *words)


def lines_of(text):
    """What `docker logs --timestamps` prints, as pairs of time and line; pieces of long lines are joined."""
    found = []
    for line in text.split(b"\n")[:-1]:
        prefix = line[:line.index(b" ") + 1]
        rest, joined = line[len(prefix):], b""
        while len(rest) > PIECE and (piece := TIME.match(rest, PIECE)):
            joined += rest[:PIECE]
            rest = rest[piece.end():]
            if piece.group() != prefix:
                # The engine was killed within a line.
                found.append((prefix[:-1].decode(), joined.decode()))
                prefix, joined = piece.group(), b""
        found.append((prefix[:-1].decode(), (joined + rest).rstrip(b"\r").decode()))
    return found


def look(name):
    """What the engine has now of a container's log; None if it does not answer."""
    answer = subprocess.run(["docker", "logs", "--timestamps", name], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if answer.returncode == 0:
        return {"stdout": lines_of(answer.stdout), "stderr": lines_of(answer.stderr)}


def logged(name):
    return look(name) or fail(f"docker logs {name} fails")


def stored(server, name):
    """The lines of each stream of a container, the times of those marked as partial, and the actions of its status entries."""
    lines, partial, actions = {"stdout": [], "stderr": []}, set(), []
    text = server.logs("follow", f"docker/{name}", "-n", "all", "--until-head", "-o", "json", "--utc")[0]
    for entry in map(json.loads, text.splitlines()):
        attributes = entry.get("attributes", {})
        if entry.get("kind", "log") == "status":
            actions.append(attributes["action"])
        elif entry.get("kind", "log") == "log":
            lines[attributes["stream"]].append((entry["time"], entry["message"]))
            if "logs.partial" in attributes:
                partial.add(entry["time"])
    return lines, partial, actions


class Witness(threading.Thread):
    """Looks again and again at what the engine has of a container whose log it rotates."""

    def __init__(self, name):
        super().__init__(daemon=True)
        self.name, self.seen, self.is_over, self.look_count = name, {"stdout": {}, "stderr": {}}, threading.Event(), 0
        self.start()

    def run(self):
        while not self.is_over.wait(LOOK_SECONDS):
            self.take(look(self.name))

    def take(self, found):
        self.look_count += found is not None
        for stream, lines in (found or {}).items():
            for when, line in lines:
                # Where the beginning of a line is rotated away, the end is all there is later.
                if len(line) >= len(self.seen[stream].get(when, "")):
                    self.seen[stream][when] = line

    def stop(self):
        self.is_over.set()
        self.join()
        self.take(logged(self.name))


class Stopwatch:
    """Measures how old lines are when `logs follow` writes them."""

    def __init__(self, server):
        self.ages = []
        self.process = spawn(
            [f"{BINARIES}/logs", "follow", "docker/*", "-n", "0", "-o", "json", "--utc", "--server", server.url],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self):
        for line in self.process.stdout:
            now = time.time()
            entry = json.loads(line)
            if entry.get("kind", "log") == "log":
                whole, fraction = entry["time"].rstrip("Z").split(".")
                seconds = time.mktime(time.strptime(f"{whole} UTC", "%Y-%m-%dT%H:%M:%S %Z")) - time.timezone
                self.ages.append(now - seconds - float(f"0.{fraction}"))

    def stop(self):
        end(self.process)
        self.thread.join()
        ages = sorted(self.ages)
        if not ages:
            fail("no line came to logs follow")
        return [ages[int(len(ages) * share)] for share in (0.5, 0.99)] + [len(ages)]


def measure_screen(engine, seconds):
    """Says how long lines of a container take from their write to the screen of the viewer."""
    from playwright.sync_api import sync_playwright
    engine.make_image()
    server = bench_servers.Logsd("--listen-http", "127.0.0.1:0")
    address = server.process.stdout.readline().split()[1]
    Shipper(engine, server).start()
    count = int(seconds / 0.02)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1200, "height": 700})
        page.goto(f"{address}/s/docker/timed")
        page.wait_for_selector("#state[data-state='live']")
        page.evaluate(PAINT_WATCH)
        docker("run", "--detach", "--name", "timed", "--network", "none", "--volume", "/usr:/usr:ro", "tiny:1",
               "/usr/bin/python3", "-c", TIMED_WRITER, str(count))
        page.wait_for_function("(last) => window.painted.get(last)", arg=str(count), timeout=(seconds + SETTLE_SECONDS) * 1e3)
        ages = sorted(age for age in page.evaluate("() => [...window.painted.values()]") if age is not None)
        own = page.inner_text("#latency")
        browser.close()
    middle, late = [ages[int(len(ages) * share)] for share in (0.5, 0.99)]
    print(f"from the write in a container to the screen: p50 {middle:.1f} ms, p99 {late:.1f} ms, max {ages[-1]:.1f} ms, "
          f"of {len(ages)} of {count} lines; the viewer itself says: {own}", flush=True)


def rotation_faults(name, stream, lines, partial, seen):
    """What is wrong with the stored lines of a container whose log is rotated; `seen` has what could be read of it."""
    times = [when for when, _ in lines]
    faults = []
    if times != sorted(set(times)):
        faults.append("lines are there twice, or out of order")
    got = dict(lines)
    if missing := [(when, line[:20]) for when, line in seen.items() if got.get(when) != line]:
        faults.append(f"{len(missing)} of {len(seen)} lines that could be read are not stored: {missing[:3]}")
    odd = [(when, line[:20], len(line)) for when, line in lines
           if not line.startswith(f"{name} ") and when not in partial and when not in seen]
    if odd:
        faults.append(f"parts of lines are stored as if they were whole: {odd[:3]}")
    return [f"{name} {stream}: {fault}" for fault in faults]


def compare(name, wanted, server, witness, starts=None):
    """Returns what is wrong, once all lines and entries on starts had time to come."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        lines, partial, actions = stored(server, name)
        wrong = []
        for stream in wanted:
            if witness:
                wrong += rotation_faults(name, stream, lines[stream], partial, witness.seen[stream])
            elif lines[stream] != wanted[stream]:
                got, known = lines[stream], wanted[stream]
                place = next((i for i, pair in enumerate(zip(got, known)) if pair[0] != pair[1]), min(len(got), len(known)))
                wrong.append(f"{name} {stream}: {len(got)} lines stored, {len(known)} wanted, different from {place} on: "
                             f"{[(t, m[:40]) for t, m in got[place:place + 2]]}, "
                             f"{[(t, m[:40]) for t, m in known[place:place + 2]]}")
        if starts is not None and actions.count("start") != starts:
            wrong.append(f"{name}: {actions.count('start')} starts stored, {starts} wanted: {actions}")
        if not wrong or time.monotonic() > deadline:
            return wrong, lines, actions
        time.sleep(0.5)


def tell(name, witness, lines, actions):
    """Prints what the engine itself has lost of a container whose log it rotates."""
    numbers = [int(words[2]) for _, line in lines["stdout"] if len(words := line.split()) > 2 and words[1] == "out"]
    lost = (numbers[-1] if numbers else 0) - len(numbers)
    print(f"{name}, whose log the engine rotates: {sum(map(len, lines.values()))} lines stored, "
          f"{sum(map(len, witness.seen.values()))} seen in {witness.look_count} looks; {lost} lines were neither, "
          f"{actions.count('rotate')} times told so")


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n")[0][7:])
    parser.add_argument("--containers", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--tcp", action="store_true")
    parser.add_argument("--screen", type=float)
    options = parser.parse_args()
    if os.geteuid() != 0 or not all(map(shutil.which, ["dockerd", "docker", "busybox"])):
        return print("ship-docker-check: SKIPPED: it needs root, dockerd, docker and busybox")
    engine = Engine(options.tcp)
    if not engine.start():
        return print(f"ship-docker-check: SKIPPED: the engine does not run: {open(f'{engine.directory}/log').read()[-500:]}")
    try:
        if options.screen:
            measure_screen(engine, options.screen)
        else:
            check(engine, options)
    finally:
        engine.end()


def check(engine, options):
    engine.make_image()
    server = bench_servers.Logsd()
    shipper = Shipper(engine, server)
    shipper.start()
    names = [f"c{number:02}" for number in range(options.containers)]
    writer = WRITER % {"long": LONG, "pause": int(1e6 * options.containers / options.rate)}
    starts = {}
    for name in names:
        flags = ["--tty"] if name == names[-1] else []
        flags += ROTATED.get(name, [])
        docker("run", "--detach", "--name", name, "--network", "none", "--env", f"RUN={name}", *flags, "tiny:1", "sh", "-c", writer)
        starts[name] = 1
    witnesses = {name: Witness(name) for name in names if name in ROTATED}
    time.sleep(1)
    watch = Stopwatch(server)
    time.sleep(max(options.seconds / 3, 3))
    middle, late, count = watch.stop()
    print(f"from the engine's time to logs follow: p50 {middle * 1e3:.1f} ms, p99 {late * 1e3:.1f} ms, of {count} lines; "
          f"the shipper has {shipper.megabytes():.0f} MB", flush=True)
    wrong = []

    pause = options.seconds / 8
    removed = {}

    def restart(name):
        docker("restart", "--time", "0", name)
        starts[name] += 1

    def remove(name):
        docker("kill", name)
        removed[name] = logged(name)
        # A container that is removed at once takes lines along that nobody has read.
        compare(name, removed[name], server, witnesses.get(name))
        docker("rm", name)

    def restart_engine():
        engine.kill()
        time.sleep(0.5)
        if not engine.start():
            fail("the engine does not start again")

    def restart_shipper():
        shipper.kill()
        time.sleep(0.5)
        shipper.start()

    for step in [lambda: restart(names[0]), restart_shipper, restart_engine, lambda: remove(names[1]), restart_shipper,
                 lambda: restart(names[-1]), restart_engine, restart_shipper]:
        step()
        time.sleep(pause)
    left = [name for name in names if name not in removed]
    docker("kill", *left)
    time.sleep(1)
    for witness in witnesses.values():
        witness.stop()
    total = 0
    for name in names:
        known = removed.get(name) or logged(name)
        faults, lines, actions = compare(name, known, server, witnesses.get(name), starts[name])
        wrong += faults
        total += sum(map(len, lines.values()))
        if name in witnesses:
            tell(name, witnesses[name], lines, actions)
    with open(f"{work}/ship.log") as log:
        print(log.read()[-2000:])
    if wrong:
        fail("\n".join(wrong))
    print(f"{total} lines of {len(names)} containers are stored once, in order, with their times")


bench_servers.run(main)
