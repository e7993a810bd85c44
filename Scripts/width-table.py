#!/usr/bin/env python3
"""Prints Sources/Text/Display/WidthTable.swift from the Unicode database of this Python."""
import unicodedata

# Zero: marks that combine, characters of format, and the vowels and finals of Hangul, which join the syllable before.
def width(scalar):
    character = chr(scalar)
    if 0x1160 <= scalar <= 0x11FF or scalar == 0x200B:
        return 0
    if unicodedata.category(character) in ("Mn", "Me", "Cf") and scalar != 0xAD:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def ranges(wanted):
    start = None
    for scalar in range(0x300, 0x110000 + 1):
        fits = scalar < 0x110000 and width(scalar) == wanted
        if fits and start is None:
            start = scalar
        elif not fits and start is not None:
            yield f"(0x{start:x}, 0x{scalar - 1:x})"
            start = None


def table(name, wanted):
    print(f"  static let {name}: [(first: UInt32, last: UInt32)] = [")
    line = "   "
    for item in ranges(wanted):
        if len(line) + len(item) + 2 > 119:
            print(line)
            line = "   "
        line += f" {item},"
    print(f"{line}\n  ]")


print(f"""/// Characters from U+0300 that take no column on a terminal, and those that take two, by Unicode {unicodedata.unidata_version}.
///
/// Made by Scripts/width-table.py from the general categories and East Asian widths.
enum WidthTable {{""")
table("none", 0)
print()
table("double", 2)
print("}")
