#!/usr/bin/python3
"""usage: hostile-peers.py [SECONDS]

Measures what hostile peers cost others: entries at a steady rate from a producer to a follower (`logs bench tail`), first alone, then
beside each kind of attack and beside all of them together; for SECONDS (6) each. Nothing may be lost, and the server goes on. The
attackers run at nice 19 and cannot raise themselves, so that what counts is the server's work for them and not theirs. Then what a
producer that appends one entry after the other waits for each (`logs bench ack`), alone and beside one that appends all it can, with
and without a limit for it.

Everything runs on this machine, with .build/release/logsd (make release; LOGS_BINARIES names others)."""

import json
import os
import subprocess
import sys
import time

import bench_servers
from bench_servers import BINARIES, Logsd, end, fail, output_of, print_table, run, spawn, work

HERE = os.path.dirname(os.path.abspath(__file__))
SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 6
RATE, BATCH = 1000, 10
# Kind, connections that are kept open.
ATTACKS = {"silent": 10_000, "tls": 1_000, "hello": 50, "tokens": 500, "bombs": 1}
NAMES = {
    "silent": "10,000 silent connections", "tls": "1,000 halves of a TLS handshake", "hello": "HELLOs without a token",
    "tokens": "wrong tokens, 500 at once", "bombs": "zstd bombs of 4 GB",
}
OPENING_SECONDS_MAX = 30
# Swift's runtime (libdispatch) gives its threads the niceness that it thinks right, 0 or less, if the system lets it: root may. And
# where sessions are scheduled as groups (sched_autogroup_enabled), it counts within a session; each has a niceness of its own, too.
LOW = ["sh", "-c", '[ ! -w /proc/self/autogroup ] || echo 19 >/proc/self/autogroup; exec "$@"', "sh",
       *(["setpriv", "--bounding-set", "-sys_nice"] if os.geteuid() == 0 else []), "nice", "-n", "19"]


class Target(Logsd):
    """A server with tokens, and TLS beside plain text."""

    def start(self):
        self.tokens = {name: self.token(name, right) for name, right in [
            ("bench", "admin:**"), ("attacker", "append:attack/**"), ("flood", "admin:**")]}
        output_of(
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
            "/CN=localhost", "-keyout", f"{self.directory}/key.pem", "-out", f"{self.directory}/cert.pem")
        return super().start()

    def token(self, name, right):
        os.makedirs(f"{self.directory}/data", exist_ok=True)
        return output_of(
            f"{BINARIES}/logsd", "token", "create", "--data", f"{self.directory}/data", "--name", name, "--allow", right).strip()

    def command(self):
        return [*super().command(), "--listen-tls", "127.0.0.1:0", "--tls-cert", f"{self.directory}/cert.pem", "--tls-key",
                f"{self.directory}/key.pem", "--connections", "20000"]

    def wait_until_ready(self, deadline):
        self.ports = {}
        for _ in range(2):
            words = self.process.stdout.readline().split()
            if len(words) != 2 or words[0] != "ready":
                return False
            scheme, rest = words[1].split("://")
            self.ports[scheme] = int(rest.split(":")[-1])
        self.url = f"logs://127.0.0.1:{self.ports['logs']}"
        return True

    def bench(self, *words, token="bench", repeat=1):
        return json.loads(output_of(*self.bench_command(*words, repeat=repeat), "--token", self.tokens[token]))

    def status(self, key):
        return json.loads(self.logs("status", "-o", "json", "--token", self.tokens["bench"])[0])[key]


class Attack:
    def __init__(self, server, kind):
        self.kind = kind
        self.output = open(f"{work}/{kind}.json", "w+")
        port = server.ports["logs+tls" if kind == "tls" else "logs"]
        self.process = spawn(
            [*LOW, "/usr/bin/python3", f"{HERE}/hostile_attacks.py", kind, str(port), str(ATTACKS[kind]),
             server.tokens["attacker"]],
            stdout=self.output)

    def end(self):
        """What it did."""
        if self.process.poll() is not None:
            fail(f"the attacker '{self.kind}' has ended by itself")
        end(self.process, 15)
        self.output.seek(0)
        return json.load(self.output)


def entries(server):
    """A run of entries from a producer to a follower."""
    made = server.bench("tail", "--rate", str(RATE), "--batch", str(BATCH), "--followers", "1", "--seconds", str(SECONDS))
    return made["latency_ms"], made["deliveries"]["expected"] - made["deliveries"]["made"]


def beside(server, kinds):
    """The row of a run beside attacks."""
    attacks = [Attack(server, kind) for kind in kinds]
    wanted = sum(ATTACKS[kind] for kind in kinds if kind in ("silent", "tls"))
    begun = time.monotonic()
    while server.status("connections") < wanted * 0.95:
        if time.monotonic() > begun + OPENING_SECONDS_MAX:
            fail(f"only {server.status('connections')} connections are open of {wanted}")
        time.sleep(0.1)
    cpu, began = server.cpu_seconds(), time.monotonic()
    latency, lost = entries(server)
    share = (server.cpu_seconds() - cpu) / (time.monotonic() - began)
    megabytes, connections = server.resident_megabytes(), server.status("connections")
    done = [attack.end() for attack in attacks]
    if lost:
        fail(f"{lost} entries were lost beside {kinds}")
    answers = sum(each["answers"] for each in done)
    name = "alone" if not kinds else NAMES[kinds[0]] if len(kinds) == 1 else "all of them"
    return [name, *(f"{latency[key]:.2f}" for key in ("p50", "p99", "max")), "0", f"{100 * share:.0f}", f"{megabytes:.0f}",
            f"{connections:,}", f"{answers:,}"]


def hostile():
    server = Target()
    entries(server)
    rows = [["beside", "p50 ms", "p99 ms", "max ms", "lost", "CPU %", "MB", "connections", "refusals"]]
    rows.append(beside(server, []))
    for kind in ATTACKS:
        rows.append(beside(server, [kind]))
    rows.append(beside(server, list(ATTACKS)))
    time.sleep(1)
    rows.append(beside(server, []))
    if server.process.poll() is not None:
        fail("the server has ended")
    print(f"{RATE} entries a second in batches of {BATCH} from a producer to a follower, {SECONDS:g} s each")
    print_table(rows, 1)
    server.end()


def fairness():
    rows = [["a producer that waits for each entry", "p50 ms", "p99 ms", "max ms", "flood, entries/s"]]
    for name, flags in [("alone", None), ("beside a flood", []), ("the flood limited to 100,000 entries a second",
                                                                   ["--append-rate-entries", "100000"])]:
        server = Target(*(flags or []))
        flood = None
        if flags is not None:
            flood = spawn(
                [*LOW, *server.bench_command("append", "--producers", "4", "--entries", "1000000000"), "--token",
                 server.tokens["flood"]],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(2)
        before = server.status("appended_entries_total")
        made = server.bench("ack", "--connections", "1", "--seconds", str(SECONDS))
        taken = (server.status("appended_entries_total") - before - made["entries"]) / SECONDS
        if flood:
            end(flood)
        latency = made["latency_ms"]
        rows.append([name, *(f"{latency[key]:.2f}" for key in ("p50", "p99", "max")), f"{taken:,.0f}" if flood else ""])
        server.end()
    print_table(rows, 1)


def main():
    hostile()
    fairness()


run(main)
