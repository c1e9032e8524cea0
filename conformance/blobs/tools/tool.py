"""What scripts of command line tools share: a folder that goes with the script, files with content, a program that is run."""

import filecmp
import os
import random
import subprocess
import tempfile
import urllib.parse
import uuid

ENDPOINT = os.environ["BOLE_BLOBS_ENDPOINT"]
HOST = urllib.parse.urlsplit(ENDPOINT).netloc
KEY, SECRET = os.environ["BOLE_BLOBS_KEY"], os.environ["BOLE_BLOBS_SECRET"]
SECONDS_MAX = 300

# Names that tools encode, and sizes around what makes parts.
FILES = {"empty": 0, "small.txt": 11, "with space.bin": 70_000, "deep/er/ümlaut.txt": 5, "plus+and&more=.css": 300, "big.bin": 17 << 20}


class Done:
    def __init__(self, code, text, errors):
        self.code, self.text, self.errors = code, text, errors

    def __repr__(self):
        return f"{self.code} {self.errors[-250:]!r} {self.text[-150:]!r}"


class Tool:
    """A program with the arguments and variables that each of its calls has, with a home of its own: no file of the user is read."""

    def __init__(self, *command, **variables):
        self.room = tempfile.TemporaryDirectory()
        self.folder = self.room.name
        self.command = command
        self.env = {**{name: value for name, value in os.environ.items() if name != "AWS_CA_BUNDLE"}, "HOME": self.folder, "XDG_CONFIG_HOME": self.folder, "XDG_CACHE_HOME": self.folder, "LC_ALL": "C.UTF-8", **variables}

    def __call__(self, *arguments, given=None):
        ran = subprocess.run([*self.command, *arguments], input=given, capture_output=True, env=self.env, cwd=self.folder, timeout=SECONDS_MAX, check=False)
        return Done(ran.returncode, ran.stdout.decode(errors="replace"), ran.stderr.decode(errors="replace"))

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def tree(self, name, seed=1, files=None):
        """A folder of files with contents that the seed decides; its path."""
        contents = random.Random(seed)
        for file, size in (files or FILES).items():
            path = self.path(name, *file.split("/"))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as opened:
                opened.write(contents.randbytes(size))
        return self.path(name)

    def differ(self, one, other):
        """Files of two folders that are not alike."""
        names = {name for root in (one, other) for name in files_of(root)}
        return sorted(name for name in names if not alike(os.path.join(one, name), os.path.join(other, name)))


def files_of(root):
    return [os.path.relpath(os.path.join(folder, file), root) for folder, _, files in os.walk(root) for file in files]


def alike(one, other):
    return os.path.isfile(one) and os.path.isfile(other) and filecmp.cmp(one, other, shallow=False)


def bucket(prefix):
    """A name that no other run has."""
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def good(checks, name, done):
    """A call that must succeed; its output."""
    checks.true(name, done.code == 0, done)
    return done.text
