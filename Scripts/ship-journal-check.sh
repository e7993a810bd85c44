#!/bin/sh
# usage: ship-journal-check.sh [DIRECTORY] [ENTRIES]
# Has the logs of DIRECTORY (.build/debug) ship the journal of a real journald while that rotates its files and removes
# the oldest, and while ship is killed again and again: each entry must come once and in order. Then ship is away while
# entries are removed, and must say how many. Needs Debian's package systemd, and root: journald runs in a mount
# namespace, and nothing of the machine's is touched.
set -eu

binaries=$(cd "${1:-.build/debug}" && pwd)
entries=${2:-20000}
[ -x /lib/systemd/systemd-journald ] || {
  echo "journald is missing; install it with: apt-get install --no-install-recommends systemd" >&2
  exit 1
}
[ "$(id -u)" = 0 ] || {
  echo "skipped: journald needs root"
  exit 0
}
if [ "${3:-}" != inside ]; then
  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT
  SCRATCH=$scratch unshare --mount --propagation private "$0" "$binaries" "$entries" inside
  exit
fi

mkdir -p "$SCRATCH/log" "$SCRATCH/etc"
mount -t tmpfs tmpfs /run
mount --bind "$SCRATCH/log" /var/log
[ -s /etc/machine-id ] || {
  head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$SCRATCH/etc/machine-id"
  mount --bind "$SCRATCH/etc/machine-id" /etc/machine-id
}
mkdir -p /run/systemd/journal /run/systemd/journald.conf.d "/var/log/journal/$(cat /etc/machine-id)"
cat >/run/systemd/journald.conf.d/check.conf <<'CONF'
[Journal]
Storage=persistent
SystemMaxFileSize=512K
SystemMaxUse=4M
RateLimitIntervalSec=0
ReadKMsg=no
Audit=no
CONF
/lib/systemd/systemd-journald 2>"$SCRATCH/journald" &
journald=$!
trap 'kill "$journald" && wait "$journald"' EXIT
for _ in $(seq 100); do
  [ -S /run/systemd/journal/socket ] && break
  sleep 0.1
done
journalctl --flush
/usr/bin/python3 - "$binaries" "$SCRATCH" "$entries" <<'PYTHON'
import atexit, json, os, random, re, signal, socket, subprocess, sys, time

binaries, scratch, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
seed = int(os.environ.get("SEED", random.randrange(1 << 30)))
print(f"SEED={seed}")
chance = random.Random(seed)
running = []
# Whatever fails, nothing is left behind.
atexit.register(lambda: [process.kill() for process in running])


def start(arguments, **options):
    running.append(subprocess.Popen(arguments, **options))
    return running[-1]


server = start(
    [f"{binaries}/logsd", "--data", f"{scratch}/data", "--listen", "127.0.0.1:0", "--disk-min-free", "0"],
    stdout=subprocess.PIPE)
address = server.stdout.readline().decode().split()[-1]
environment = dict(os.environ, LOGS_SERVER=address)
journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
journal.connect("/run/systemd/journal/socket")
written = 0


def write(number):
    global written
    for _ in range(number):
        journal.sendall(b"MESSAGE=entry %d\nPRIORITY=6\nSYSLOG_IDENTIFIER=check\nPAD=%s\n" % (written, b"x" * 200))
        written += 1


def ship():
    arguments = [f"{binaries}/logs", "ship", "--journal", "/var/log/journal", "--state", f"{scratch}/state"]
    return start(arguments, env=environment, stderr=open(f"{scratch}/ship", "ab"))


def entries():
    query = [f"{binaries}/logs", "query", "journal", "-o", "json", "-n", "1000000"]
    output = subprocess.run(query, env=environment, stdout=subprocess.PIPE, check=True).stdout
    return [json.loads(line) for line in output.splitlines()]


def numbers():
    texts = [entry["message"] for entry in entries()]
    return [int(text.split()[1]) for text in texts if re.fullmatch(r"entry \d+", text)]


def wait(least):
    for _ in range(600):
        try:
            found = numbers()
        except subprocess.CalledProcessError:
            found = []
        if found and found[-1] >= least:
            return found
        time.sleep(0.1)
    sys.exit(f"entry {least} did not come within a minute: {found[-3:]}; {open(f'{scratch}/ship').read()[-2000:]}")


shipper = ship()
kills = seen = 0
while written < count:
    write(min(chance.randrange(100, 500), count - written))
    time.sleep(chance.uniform(0, 0.05))
    if chance.random() < 0.15:
        shipper.send_signal(signal.SIGKILL)
        shipper.wait()
        kills += 1
        write(min(chance.randrange(0, 300), count - written))
        shipper = ship()
    # No longer behind than what journald keeps.
    if written - seen > 2000:
        seen = wait(written - 2000)[-1]
found = wait(count - 1)
assert found == list(range(count)), next(
    f"at place {place}: {number}" for place, number in enumerate(found) if number != place)
said = [entry["message"] for entry in entries() if entry.get("kind") == "status"]
assert said == [], said
left = subprocess.run(
    ["journalctl", "-D", "/var/log/journal", "-t", "check", "-o", "cat", "--no-pager"], stdout=subprocess.PIPE).stdout
first = left.split(b"\n", 1)[0].decode()
assert first != "entry 0", "journald has removed nothing"
print(f"{count} entries once and in order; ship was killed {kills} times; the first one left is '{first}'")

shipper.send_signal(signal.SIGTERM)
shipper.wait()
write(count)
write(1)
time.sleep(0.5)
shipper = ship()
found = wait(2 * count)
rest = found[count:]
assert rest == list(range(rest[0], 2 * count + 1)), "a gap in what was left"
said = [entry["message"] for entry in entries() if entry.get("kind") == "status"]
assert len(said) == 1, said
missing = int(re.fullmatch(r"journal: (\d+) entries vacuumed before they were read", said[0])[1])
# journald writes lines of its own.
assert missing >= rest[0] - count > 0, (missing, rest[0] - count)
assert missing <= rest[0] - count + 200, (missing, rest[0] - count)
print(f"said: {said[0]}")
shipper.send_signal(signal.SIGTERM)
shipper.wait()
server.send_signal(signal.SIGTERM)
sys.exit(server.wait())
PYTHON
