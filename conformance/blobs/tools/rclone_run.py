"""rclone: copy, sync, check, move, links, versions, cleanup, its own questions about names; path style, as it asks of other providers."""

import os
import sys
import urllib.request

from checks import Checks
from tool import ENDPOINT, KEY, SECRET, Tool, bucket, good

rclone = Tool(
    sys.argv[1], RCLONE_CONFIG_BOLE_TYPE="s3", RCLONE_CONFIG_BOLE_PROVIDER="Other", RCLONE_CONFIG_BOLE_ENDPOINT=ENDPOINT,
    RCLONE_CONFIG_BOLE_ACCESS_KEY_ID=KEY, RCLONE_CONFIG_BOLE_SECRET_ACCESS_KEY=SECRET,
)  # fmt: skip
NAME = bucket("rclone")
AT = f"bole:{NAME}"


def files(checks):
    tree = rclone.tree("tree")
    good(checks, "mkdir", rclone("mkdir", AT))
    checks.true("lsd", NAME in rclone("lsd", "bole:").text)
    good(checks, "copy up", rclone("copy", tree, AT + "/tree"))
    good(checks, "check", rclone("check", "--download", tree, AT + "/tree"))
    good(checks, "check by hash", rclone("check", tree, AT + "/tree"))
    good(checks, "copy down", rclone("copy", AT + "/tree", rclone.path("back")))
    checks.equal("what came back", rclone.differ(tree, rclone.path("back")), [])
    times = [os.stat(os.path.join(root, "big.bin")).st_mtime for root in (tree, rclone.path("back"))]
    checks.true("when it was modified", abs(times[0] - times[1]) < 1e-6, times)
    listed = good(checks, "lsf", rclone("lsf", AT + "/tree"))
    checks.equal("files and folders", sorted(listed.split("\n")[:-1]), sorted(["big.bin", "deep/", "empty", "plus+and&more=.css", "small.txt", "with space.bin"]))
    os.remove(os.path.join(tree, "small.txt"))
    good(checks, "sync", rclone("sync", tree, AT + "/tree"))
    checks.true("one is gone", "small.txt" not in rclone("lsf", AT + "/tree").text)
    good(checks, "copy within", rclone("copy", AT + "/tree", AT + "/other"))
    good(checks, "check within", rclone("check", AT + "/tree", AT + "/other"))
    good(checks, "moveto", rclone("moveto", AT + "/other/big.bin", AT + "/moved"))
    good(checks, "in parts", rclone("copyto", "--s3-upload-cutoff=5Mi", "--s3-chunk-size=5Mi", os.path.join(tree, "big.bin"), AT + "/parts"))
    good(checks, "copied in parts", rclone("copyto", "--s3-copy-cutoff=5Mi", AT + "/parts", AT + "/copied"))
    good(checks, "rcat", rclone("rcat", AT + "/cat", given=b"from a pipe"))
    checks.equal("cat", rclone("cat", AT + "/cat").text, "from a pipe")
    checks.equal("cat of a range", rclone("cat", "--offset=5", "--count=1", AT + "/cat").text, "a")
    with urllib.request.urlopen(good(checks, "link", rclone("link", AT + "/cat")).strip()) as answer:
        checks.equal("by its link", answer.read(), b"from a pipe")
    checks.true("size", '"count":13' in rclone("size", "--json", AT).text.replace(" ", ""), rclone("size", "--json", AT))
    checks.equal("names of all characters", good(checks, "test info", rclone("test", "info", "--check-normalization", "--check-length", AT)) and 1, 1)


def versions(checks):
    at = "bole:" + bucket("rclone")
    good(checks, "mkdir", rclone("mkdir", at))
    good(checks, "versions on", rclone("backend", "versioning", at, "Enabled"))
    for content in (b"one", b"two"):
        good(checks, "rcat", rclone("rcat", at + "/k", given=content))
    good(checks, "delete", rclone("deletefile", at + "/k"))
    listed = good(checks, "versions", rclone("lsf", "--s3-versions", at))
    checks.equal("two of them", listed.count("k-v"), 2)
    good(checks, "cleanup", rclone("backend", "cleanup-hidden", at))
    checks.equal("none is left", rclone("lsf", "--s3-versions", at).text, "")
    good(checks, "purge", rclone("purge", at))


def gone(checks):
    good(checks, "purge", rclone("purge", AT))
    checks.true("it is gone", NAME not in rclone("lsd", "bole:").text)


def main():
    checks = Checks()
    for family in (files, versions, gone):
        checks.family(family)
    checks.finish()


main()
