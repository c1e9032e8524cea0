"""MinIO's `mc`: files, mirrors, versions, tags, locks, policies, shares. What it asks of MinIO's own administration is not asked."""

import json
import os
import sys
import urllib.request

from checks import Checks
from tool import HOST, KEY, SECRET, Tool, bucket, good

mc = Tool(sys.argv[1], "--quiet", "--no-color", MC_HOST_bole=f"http://{KEY}:{SECRET}@{HOST}", MC_CONFIG_DIR=".mc")
NAME = bucket("mc")
AT = f"bole/{NAME}"


def lines(done):
    return [json.loads(line) for line in done.text.splitlines()]


def files(checks):
    tree = mc.tree("tree")
    good(checks, "mb", mc("mb", AT))
    checks.true("ls of buckets", NAME in mc("ls", "bole").text)
    good(checks, "cp", mc("cp", "--recursive", tree + "/", AT + "/tree/"))
    checks.equal("diff", good(checks, "diff runs", mc("diff", tree, AT + "/tree")), "")
    good(checks, "mirror back", mc("mirror", AT + "/tree", mc.path("back")))
    checks.equal("what came back", mc.differ(tree, mc.path("back")), [])
    found = {one["key"] for one in lines(mc("ls", "--json", "--recursive", AT))}
    checks.equal("all files", found, {"tree/" + name for name in ("big.bin", "deep/er/ümlaut.txt", "empty", "plus+and&more=.css", "small.txt", "with space.bin")})
    checks.equal("folders", sorted(one["key"] for one in lines(mc("ls", "--json", AT + "/tree/")) if one["type"] == "folder"), ["deep/"])
    os.remove(os.path.join(tree, "small.txt"))
    good(checks, "mirror with deletions", mc("mirror", "--remove", "--overwrite", tree, AT + "/tree"))
    checks.true("one is gone", "small.txt" not in mc("ls", AT + "/tree/").text)
    good(checks, "pipe", mc("pipe", AT + "/pipe", given=b"from a pipe"))
    checks.equal("cat", mc("cat", AT + "/pipe").text, "from a pipe")
    checks.equal("head", mc("head", "-n", "1", AT + "/pipe").text.strip(), "from a pipe")
    good(checks, "cp with attributes", mc("cp", "--attr", "Cache-Control=max-age=5;m=1", "--tags", "a=1", os.path.join(tree, "empty"), AT + "/meta"))
    told = lines(mc("stat", "--json", AT + "/meta"))[0]
    checks.true("its attributes", told["metadata"].get("X-Amz-Meta-M") == "1" and told["metadata"].get("Cache-Control") == "max-age=5", told)
    good(checks, "cp between objects", mc("cp", AT + "/tree/big.bin", AT + "/copy"))
    good(checks, "mv", mc("mv", AT + "/copy", AT + "/moved"))
    checks.true("du", "MiB" in mc("du", AT + "/tree").text, mc("du", AT + "/tree"))
    checks.true("find", "moved" in mc("find", AT, "--larger", "16MiB", "--name", "moved").text)
    shared = json.loads(good(checks, "share", mc("share", "download", "--json", AT + "/pipe")))
    with urllib.request.urlopen(shared["share"]) as answer:
        checks.equal("by its URL", answer.read(), b"from a pipe")
    good(checks, "tag set", mc("tag", "set", AT + "/pipe", "b=2"))
    checks.equal("tag list", json.loads(mc("tag", "list", "--json", AT + "/pipe").text)["tagset"], {"b": "2"})
    good(checks, "anonymous download", mc("anonymous", "set", "download", AT + "/tree"))
    with urllib.request.urlopen(f"http://{HOST}/{NAME}/tree/empty") as answer:
        checks.equal("everybody reads it", answer.read(), b"")
    checks.true("anonymous get", "download" in mc("anonymous", "get", AT + "/tree").text)
    missing = mc("stat", AT + "/none")
    checks.true("an error", missing.code != 0 and "not exist" in missing.errors + missing.text, missing)


def versions(checks):
    name = bucket("mc")
    at = f"bole/{name}"
    good(checks, "mb with lock", mc("mb", "--with-lock", at))
    checks.true("versions are on", "versioning is enabled" in mc("version", "info", at).text, mc("version", "info", at))
    for content in (b"one", b"two"):
        good(checks, "pipe", mc("pipe", at + "/k", given=content))
    good(checks, "rm", mc("rm", at + "/k"))
    listed = lines(mc("ls", "--json", "--versions", at))
    checks.equal("versions", len(listed), 3)
    good(checks, "undo", mc("undo", "--force", at + "/k"))
    checks.equal("it is back", mc("cat", at + "/k").text, "two")
    oldest = listed[-1]["versionId"]
    checks.equal("an older one", mc("cat", "--version-id", oldest, at + "/k").text, "one")
    good(checks, "legal hold", mc("legalhold", "set", at + "/k"))
    checks.true("held", "ON" in mc("legalhold", "info", at + "/k").text)
    checks.true("not removed", mc("rm", "--versions", "--force", at + "/k").code != 0)
    good(checks, "hold cleared", mc("legalhold", "clear", at + "/k"))
    good(checks, "retention", mc("retention", "set", "--default", "GOVERNANCE", "1d", at))
    checks.true("of the bucket", "GOVERNANCE" in mc("retention", "info", "--default", at).text)
    good(checks, "rm of all versions", mc("rm", "--versions", "--force", "--recursive", "--bypass", at))
    good(checks, "rb", mc("rb", at))
    good(checks, "rb --force", mc("rb", "--force", AT))


def main():
    checks = Checks()
    checks.family(files)
    checks.family(versions)
    checks.finish()


main()
