"""Compares two transcripts of `psql -a`, which prints each statement and then what it gives: one check a statement."""

import difflib
import sys


def blocks(script, lines):
    """Output under the statement that it followed."""
    wanted, found, at = list(echoed(script)), [], 0
    for line in lines:
        if at < len(wanted) and line == wanted[at]:
            found.append((line, []))
            at += 1
        elif found:
            found[-1][1].append(line)
    return found


def echoed(script):
    """The lines of a script that psql repeats: all but empty ones and the rows of a COPY."""
    data = False
    for line in script:
        if data:
            data = line != "\\."
        elif line.strip():
            data = "from stdin" in line.lower()
            yield line


script, expected, got = (open(path, encoding="utf-8").read().splitlines() for path in sys.argv[1:])
theirs, ours = blocks(script, expected), blocks(script, got)
for at, (statement, lines) in enumerate(theirs):
    mine = ours[at][1] if at < len(ours) else ["nothing"]
    if [line.rstrip() for line in lines] == [line.rstrip() for line in mine]:
        print(f"ok {at + 1}: {statement[:80]}")
    else:
        print(f"FAIL {at + 1}: {statement[:200]}")
        for line in list(difflib.unified_diff(lines, mine, "postgres", "here", lineterm="", n=1))[2:40]:
            print(f"    {line}")
