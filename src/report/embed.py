#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""embed.py OUTPUT - the page as C: page.html with style sheets and scripts in it, up to its data
and from there on.

In page.html a line <!-- style A B -->, <!-- script A B --> or <!-- text A --> is replaced by these
files, <!-- hashes KIND --> by what the policy of the page needs to let exactly those run. Files in
uplot/ must have the checksums that stand there."""

import base64
import hashlib
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).parent
DATA = "<!-- data -->"


def check_vendored():
    for line in (HERE / "uplot" / "sha256sums").read_text().splitlines():
        checksum, name = line.split()
        if hashlib.sha256((HERE / "uplot" / name).read_bytes()).hexdigest() != checksum:
            sys.exit(f"{HERE}/uplot/{name} is not what sha256sums says")


def read(names):
    texts = [(HERE / name).read_text(encoding="utf-8").rstrip("\n") for name in names.split()]
    return "\n" + "\n".join(texts) + "\n"


def make_page():
    """Each file in its place; a file must not end its element."""
    hashes = {"style": [], "script": []}

    def insert(match):
        kind, text = match[1], read(match[2])
        if kind == "text":
            return text
        if re.search(r"</(style|script)|<!--", text, re.IGNORECASE):
            sys.exit(f"{match[2]}: has what ends a {kind} element")
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        hashes[kind].append(f"'sha256-{digest}'")
        return f"<{kind}>{text}</{kind}>"

    page = (HERE / "page.html").read_text(encoding="utf-8")
    page = re.sub(r"<!-- (style|script|text) (.*?) -->", insert, page)
    return re.sub(r"<!-- hashes (\w+) -->", lambda match: " ".join(hashes[match[1]]), page)


def write_array(name, text, out):
    data = text.encode()
    out.write(f"const size_t wi_report_{name}_size = {len(data)};\n")
    out.write(f"const unsigned char wi_report_{name}[] = {{\n")
    for at in range(0, len(data), 32):
        out.write(",".join(map(str, data[at:at + 32])) + ",\n")
    out.write("};\n")


def main():
    check_vendored()
    before, after = make_page().split(DATA)
    with open(sys.argv[1], "w", encoding="ascii") as out:
        out.write("/* Made by embed.py. */\n#include \"template.h\"\n\n")
        write_array("before", before, out)
        write_array("after", after, out)


main()
