"""What make-format-fixtures.py and compatibility-check.py share: programs of other commits, and servers of any version.

Clones and builds are kept in `.build/versions`, or where `--builds` says: building a commit takes some minutes.
"""
import os
import signal
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, f"{ROOT}/spec/reference")
READY_SECONDS_MAX = 60

# The last commit before each format of segments was followed by the next one; spec/storage.md, section 3, has the formats.
FORMATS = {1: "9d33edc8", 2: "e4414ca7", 3: "683798c5", 4: "c94b2279", 5: "f66265e9", 6: "bde31f0b", 7: "9c101d51"}


class Programs:
    """The two programs of a version."""

    def __init__(self, name, directory):
        self.name, self.logsd, self.logs = name, f"{directory}/logsd", f"{directory}/logs"
        # Settings differ from version to version; a server refuses those that it does not know.
        self.settings = output(self.logsd, "--help")

    def flags(self, *pairs):
        """Those of the settings that this version has, as flags."""
        return [word for name, value in pairs if f"--{name} " in self.settings for word in (f"--{name}", value)]


def output(*words, fails=False, **options):
    finished = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
    if finished.returncode and not fails:
        sys.exit(f"{' '.join(words)}: {finished.stderr.decode(errors='replace')}")
    return finished.stdout.decode(errors="replace")


def build(commit, builds):
    """The debug programs of a commit, built in a clone unless that was done before."""
    clone = os.path.join(builds, commit)
    if not os.path.exists(clone):
        output("git", "clone", "-q", ROOT, clone)
        output("git", "-C", clone, "checkout", "-q", commit)
    if not all(os.path.exists(f"{clone}/.build/debug/{program}") for program in ("logsd", "logs")):
        for program in ("logsd", "logs"):
            print(f"building {program} of {commit}", file=sys.stderr)
            output("nice", "swift", "build", "--product", program, cwd=clone)
    return Programs(commit, f"{clone}/.build/debug")


def here():
    """The programs of this tree."""
    return Programs("this tree", os.environ.get("LOGS_BINARIES") or f"{ROOT}/.build/debug")


class Server:
    """A server on a data directory, on a Unix socket beside it; its log is beside it, too."""

    def __init__(self, programs, data, flags=()):
        self.programs, self.data, self.socket = programs, data, f"{data}.sock"
        self.url = f"logs+unix://{self.socket}"
        listen = ["--listen", "none", "--listen-unix", self.socket, "--shards", "1"]
        settings = programs.flags(("log-stream", "no"), ("disk-min-free", "0"))
        self.process = subprocess.Popen([programs.logsd, "--data", data, *listen, *settings, *flags],
                                        stdout=subprocess.PIPE, stderr=open(f"{data}.log", "ab"))
        if not self.process.stdout.readline().startswith(b"ready"):
            sys.exit(f"{programs.name}: logsd did not become ready, see {data}.log")

    def kill(self):
        self.end(signal.SIGKILL)

    def stop(self):
        self.end(signal.SIGTERM)
        if self.process.returncode:
            sys.exit(f"{self.programs.name}: logsd ended with {self.process.returncode}")

    def end(self, number):
        self.process.send_signal(number)
        self.process.wait()
        self.process.stdout.close()


def wait_until(holds, what):
    deadline = time.monotonic() + READY_SECONDS_MAX
    while not holds():
        if time.monotonic() > deadline:
            sys.exit(f"{what} did not happen within {READY_SECONDS_MAX} s")
        time.sleep(0.02)
