r"""Regular expressions of filters (filter.md, 3.1): what PCRE2 understands, put into the words of Python's `re`.

Python differs from PCRE2 in what follows. It is translated, or Unsupported is raised where `re` has nothing like it.

- In PCRE2, bytes that are not UTF-8 match nothing. Here they are lone surrogates (surrogateescape), which `.`, `[^x]`,
  `\D`, `\W` and `\S` would match: they are excluded from each.
- `\d`, `\w`, `\s`, `\b` and `[[:alpha:]]` are for ASCII, but `i` ignores the case of all letters. With re.ASCII it
  would ignore that of A to Z alone: the ASCII classes are spelled out instead, one by one.
- Behind a last byte that is not UTF-8, PCRE2 finds no empty text at the end (`$` in FF).
- Python has no `[[:alpha:]]`, `\h`, `\N`, `\e`, `\z`, `\x{...}` and `(?<name>`. Its `\Z` means `\z`, and a `{` that
  begins no quantifier may mean one.
- Missing are `\p`, `\R`, `\X`, `\K`, `\G`, `\Q`, `\v`, recursion, verbs, `(?s)`, `(?x)`, flags in the middle, and
  lookbehind of several lengths.

These remain different:

- `\B` does not match an empty text, and assertions can be repeated (`\b*`).
- A class like `[\w]` with `i` matches the Kelvin sign, whose lower case is k. The Turkish letters i with and without a
  dot are the same with `i`.
- Before a byte that is not UTF-8, PCRE2's `\Z` and `\z` match. A negative lookbehind is true here at such a byte.
"""
import re

NEVER = r"\ud800-\udfff"
CLASSES = {"d": "0-9", "w": "a-zA-Z0-9_", "s": r"\t-\r ", "h": r"\t \xa0\u1680\u180e\u2000-\u200a\u202f\u205f\u3000"}
OTHERS = {"D": r"\x00-/:-\ud7ff\ue000-\U0010ffff", "W": r"\x00-/:-@\[-\^`{-\ud7ff\ue000-\U0010ffff",
          "S": r"\x00-\x08\x0e-\x1f!-\ud7ff\ue000-\U0010ffff"}
POSIX = {"alpha": "a-zA-Z", "digit": "0-9", "alnum": "a-zA-Z0-9", "upper": "A-Z", "lower": "a-z", "space": r"\t-\r ",
         "blank": r"\t ", "punct": r"!-/:-@\[-`{-~", "xdigit": "0-9a-fA-F", "word": "a-zA-Z0-9_",
         "cntrl": r"\x00-\x1f\x7f", "print": " -~", "graph": "!-~"}
PLAIN = "afnrt"


class BadPattern(Exception):
    """The expression does not compile."""


class Unsupported(Exception):
    """PCRE2 may know it, `re` does not."""


class Expression:
    """An expression as it is written, and what searches for it."""
    def __init__(self, pattern, ignores_case):
        self.pattern, self.ignores_case = pattern, ignores_case
        self.compiled = compile(pattern, ignores_case)

    def search(self, text):
        found = self.compiled.search(text)
        is_behind_surrogate = found and found.start() == len(text) and "\ud800" <= text[-1:] <= "\udfff"
        return None if is_behind_surrogate else found


def compile(pattern, ignores_case):
    if re.match(r"\(\*[A-Z]", pattern):
        raise BadPattern("begins with a verb")
    translated = Translation(pattern, ignores_case).whole()
    try:
        return re.compile(translated, re.IGNORECASE if ignores_case else 0)
    except re.error as error:
        if "look-behind" in str(error) or "global flags" in str(error):
            raise Unsupported(str(error)) from None
        raise BadPattern(str(error)) from None


class Translation:
    def __init__(self, pattern, ignores_case):
        self.pattern, self.at, self.ignores_case = pattern, 0, ignores_case

    def take(self, count=1):
        self.at += count
        return self.pattern[self.at - count:self.at]

    def found(self, form):
        """Takes what the form matches here."""
        if match := re.compile(form).match(self.pattern, self.at):
            self.at = match.end()
            return match

    def whole(self):
        out = ""
        while self.at < len(self.pattern):
            c = self.take()
            if c == "\\":
                out += self.escape()
            elif c == "[":
                out += self.set()
            elif c == ".":
                out += rf"[^\n{NEVER}]"
            elif c == "(":
                out += self.group()
            elif c == "{":
                self.at -= 1
                quantifier = self.found(r"\{\d+(,\d*)?\}")
                out += quantifier[0] if quantifier else "\\" + self.take()
            else:
                out += c
        return out

    def group(self):
        if self.found(r"\?<(?=[A-Za-z_])"):
            return "(?P<"
        if self.at == 1 and self.found(r"\?i\)"):
            return "(?i)"
        if known := self.found(r"\?(:|=|!|<=|<!|>|P<|P=|[im]*(-[im]+)?:)"):
            return "(" + known[0]
        if self.pattern[self.at:self.at + 1] in ("?", "*"):
            raise Unsupported(f"the group at {self.at}")
        return "("

    def escape(self):
        c = self.take()
        if not c:
            raise BadPattern("ends with \\")
        if c == "C":
            raise BadPattern(r"\C")
        if c in "dwsbB":
            return rf"(?a:\{c})"
        if c in OTHERS:
            return rf"(?:(?![{NEVER}])(?a:\{c}))"
        if c == "h":
            return f"[{CLASSES['h']}]"
        if c == "N" and self.pattern[self.at:self.at + 1] != "{":
            return rf"[^\n{NEVER}]"
        if c in "AzZ":
            return {"A": r"\A", "z": r"\Z", "Z": r"(?=\n?\Z)"}[c]
        if c in "123456789" and not self.found(r"(?=\d)"):
            return "\\" + c
        return self.character(c)

    def character(self, c):
        r"""What stands for one character, in a class or outside of one, behind its \."""
        if c in PLAIN:
            return "\\" + c
        if c == "e":
            return r"\x1b"
        if c == "x":
            if digits := self.found(r"\{([0-9A-Fa-f]{1,6})\}|([0-9A-Fa-f]{2})"):
                return rf"\U{int(digits[1] or digits[2], 16):08x}"
            raise Unsupported(r"\x")
        if c in "pPRXKGQEvVHgkocuULlN" or c.isdigit():
            raise Unsupported("\\" + c)
        if c.isascii() and c.isalnum():
            raise BadPattern(f"unknown \\{c}")
        return re.escape(c)

    def set(self):
        out = f"[^{NEVER}" if self.found(r"\^") else "["
        first = True
        while first or self.pattern[self.at:self.at + 1] != "]":
            first = False
            c = self.take()
            if not c:
                raise BadPattern("a class does not end")
            if c == "[" and (name := self.found(r":(\w+):\]")):
                if name[1] not in POSIX:
                    raise BadPattern(f"unknown class {name[1]}")
                out += POSIX[name[1]] + self.hyphen()
            elif c == "[" and self.found(r"[:.=]"):
                raise Unsupported("a class like [:^alpha:]")
            elif c != "\\":
                out += "\\" + c if c in "[]&~|^" else c
            elif (c := self.take()) in CLASSES:
                out += CLASSES[c] + self.hyphen()
            elif c in OTHERS:
                if c == "W" and self.ignores_case:
                    raise Unsupported(r"[\W] with i")
                out += OTHERS[c] + self.hyphen()
            else:
                out += r"\x08" if c == "b" else self.character(c)
        self.at += 1
        return out + "]"

    def hyphen(self):
        """A hyphen behind a class is itself."""
        return r"\-" if self.found("-") else ""
