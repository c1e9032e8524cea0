"""Counts checks and prints one line for each: `ok NAME`, or `FAIL NAME: expected …, got …`."""

import sys
import time
import traceback


def short(value):
    text = repr(value)
    return text if len(text) <= 300 else text[:300] + "…"


def comparable(value):
    """Tuples as lists: the client returns one or the other by the version of RESP, and both are equally right."""
    if isinstance(value, (tuple, list)):
        return [comparable(item) for item in value]
    return value


class Checks:
    def __init__(self, known=()):
        """`known`: names of checks that fail as yet. They must: one that passes fails the run until it is off the list."""
        self.passed = 0
        self.failed = 0
        self.known = set(known)

    def equal(self, name, got, expected):
        self._note(name, comparable(got) == comparable(expected), short(expected), got)

    def among(self, name, got, allowed):
        self._note(name, got in allowed, "one of " + short(allowed), got)

    def true(self, name, condition, got=None):
        self._note(name, bool(condition), "something that holds", got)

    def raises(self, name, error, text, call):
        """`call` must raise `error` whose message starts with `text`."""
        try:
            got = call()
        except error as raised:
            got = str(raised)
            self._note(name, got.startswith(text), f"an error that starts with {text!r}", got)
            return
        self._note(name, False, f"{error.__name__} {text!r}", got)

    def eventually(self, name, condition, seconds=10):
        """`condition` must hold within `seconds`."""
        deadline = time.monotonic() + seconds
        while not (holds := condition()) and time.monotonic() < deadline:
            time.sleep(0.005)
        self._note(name, holds, f"a condition that holds within {seconds} s", holds)

    def becomes(self, name, call, expected, seconds=20):
        """What `call` returns must be `expected` within `seconds`."""
        deadline = time.monotonic() + seconds
        while (got := call()) != expected and time.monotonic() < deadline:
            time.sleep(0.005)
        self.equal(name, got, expected)

    def family(self, function, *arguments):
        """Runs one family of checks; an unexpected exception is one failed check, and the next family goes on."""
        try:
            function(self, *arguments)
        except Exception as error:
            # Two frames: this one, and the check that did not expect it; the client's own are noise.
            traceback.print_exc(limit=2)
            self._note(function.__name__, False, "no exception", error)

    def finish(self):
        for name in sorted(self.known):
            self.failed += 1
            print(f"FAIL {name}: expected a known failure, got none; take it off the list")
        print(f"{self.passed} passed, {self.failed} failed")
        sys.exit(1 if self.failed else 0)

    def _note(self, name, good, expected, got):
        if good:
            self.passed += 1
            print(f"ok {name}")
        elif name in self.known:
            self.known.remove(name)
            print(f"KNOWN {name}: expected {expected}, got {short(got)}")
        else:
            self.failed += 1
            print(f"FAIL {name}: expected {expected}, got {short(got)}")
