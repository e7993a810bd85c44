#!/usr/bin/python3
"""What version 1 has promised with its vectors: `vectors/frozen.txt` has a line for each, and none may change or go.

    frozen.py          prints what has changed; exit code 1 if anything has
    frozen.py --add    adds the vectors that are not listed yet

A line is the beginning of a SHA-256 and the vector's name. It is taken over what the vector says to programs, so that comments can be
improved: kind, step, error and bytes; of a session its frames and who sends them."""
import hashlib
import os
import sys

from decoder import read_session, read_vector

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "vectors")
LIST = os.path.join(ROOT, "frozen.txt")


def digest(name):
    path = os.path.join(ROOT, name)
    if name.startswith("sessions/"):
        parts = [side.encode() + data for side, data in read_session(path)[1]]
    else:
        headers, data = read_vector(path)
        parts = [f"{key}={headers[key]}".encode() for key in sorted(headers) if key not in ("about", "reason")] + [data]
    return hashlib.sha256(b"".join(b"%d:%s" % (len(part), part) for part in parts)).hexdigest()[:16]


def listed():
    with open(LIST, encoding="utf-8") as file:
        return dict(reversed(line.split()) for line in file)


def existing():
    return [f"{folder}/{name}" for folder in ("invalid", "sessions", "valid") for name in sorted(os.listdir(os.path.join(ROOT, folder)))
            if name.endswith(".hex")]


def problems():
    """(name, what is wrong) for each vector."""
    names = existing()
    for name, known in listed().items():
        yield name, "is gone, and version 1 has promised it" if name not in names else digest(name) != known and "is not what version 1 has promised"


def add():
    known = listed() if os.path.exists(LIST) else {}
    known.update((name, digest(name)) for name in existing() if name not in known)
    with open(LIST, "w", encoding="utf-8") as file:
        file.writelines(f"{known[name]} {name}\n" for name in sorted(known))


if __name__ == "__main__":
    if sys.argv[1:] == ["--add"]:
        add()
    changed = [f"{name} {problem}" for name, problem in problems() if problem]
    print(*changed, f"{len(listed())} vectors are frozen, {len(changed)} have changed", sep="\n")
    sys.exit(1 if changed else 0)
