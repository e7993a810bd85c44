#!/bin/sh
# usage: unshare --mount --propagation private journal-check.sh BINARIES SCRATCH
# A part of service-check.sh: starts a journald of its own, and logsd with its stderr led there as systemd does it.
set -eu

binaries=$1
scratch=$2
mkdir -p "$scratch/log" "$scratch/etc"
mount -t tmpfs tmpfs /run
mount --bind "$scratch/log" /var/log
mkdir -p /run/systemd/journal /run/log/journal
[ -s /etc/machine-id ] || {
  head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$scratch/etc/machine-id"
  mount --bind "$scratch/etc/machine-id" /etc/machine-id
}
/lib/systemd/systemd-journald 2>"$scratch/journald" &
journald=$!
trap 'kill "$journald" && wait "$journald"' EXIT

# It takes streams once its socket is there.
for _ in $(seq 100); do
  [ -S /run/systemd/journal/stdout ] && break
  sleep 0.1
done
/usr/bin/python3 - "$binaries/logsd" "$scratch/data" <<'PYTHON'
import os, signal, socket, subprocess, sys

program, data = sys.argv[1:]
# sd_journal_stream_fd(3): identifier, unit, priority, whether lines have a prefix with the level, and three forwards.
stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
stream.connect("/run/systemd/journal/stdout")
stream.sendall(b"logsd\n\n6\n1\n0\n0\n0\n")
status = os.fstat(stream.fileno())
variables = dict(os.environ, JOURNAL_STREAM=f"{status.st_dev}:{status.st_ino}")
flags = ["--data", data, "--listen", "127.0.0.1:0", "--disk-min-free", "0"]
server = subprocess.Popen([program] + flags, stdout=subprocess.PIPE, stderr=stream, env=variables)
server.stdout.readline()
with open(f"{data}/tokens", "w") as tokens:
    os.chmod(f"{data}/tokens", 0o600)
    tokens.write("wrong\n")
# A warning and an error.
for command in [b"nothing\n", b"reload\n"]:
    call = socket.socket(socket.AF_UNIX)
    call.connect(f"{data}/control.sock")
    call.sendall(command)
    while call.recv(4096):
        pass
server.send_signal(signal.SIGTERM)
sys.exit(server.wait())
PYTHON
journalctl --sync
# Priorities as syslog(3) has them.
for case in "5 has started" "4 a call of the control socket" "3 the tokens in use stay" "5 stopping" "5 stopped"; do
  priority=${case%% *}
  text=${case#* }
  journalctl -t logsd -o json --no-pager | grep -F "$text" | grep -qF "\"PRIORITY\":\"$priority\"" || {
    echo "no line with '$text' and priority $priority came to the journal:" >&2
    journalctl -t logsd -o short-full --no-pager >&2
    cat "$scratch/journald" >&2
    exit 1
  }
done
count=$(journalctl -t logsd -o cat --no-pager | grep -c '^<') || true
[ "$count" = 0 ] || {
  echo "$count lines still have their prefix in the journal" >&2
  exit 1
}
echo "journald has the levels of the log as priorities"
