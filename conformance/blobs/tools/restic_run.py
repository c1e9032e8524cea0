"""restic: a repository in a bucket; backups, forgetting and pruning, checks, a restore that is compared."""

import json
import os
import sys

from checks import Checks
from tool import ENDPOINT, KEY, SECRET, Tool, bucket, good

NAME = bucket("restic")
restic = Tool(sys.argv[1], RESTIC_REPOSITORY=f"s3:{ENDPOINT}/{NAME}/repo", RESTIC_PASSWORD="secret", AWS_ACCESS_KEY_ID=KEY, AWS_SECRET_ACCESS_KEY=SECRET)


def backups(checks):
    tree = restic.tree("tree")
    good(checks, "init makes the bucket", restic("init"))
    for seed in range(2, 5):
        good(checks, "backup", restic("backup", tree))
        restic.tree("tree", seed, {f"more-{seed}": 3 << 20, "small.txt": seed})
    good(checks, "backup", restic("backup", tree))
    checks.equal("snapshots", len(json.loads(good(checks, "snapshots as JSON", restic("snapshots", "--json")))), 4)
    good(checks, "check reads all", restic("check", "--read-data"))
    good(checks, "forget and prune", restic("forget", "--keep-last", "1", "--prune"))
    checks.equal("one is left", len(json.loads(restic("snapshots", "--json").text)), 1)
    good(checks, "check after", restic("check", "--read-data"))
    good(checks, "restore", restic("restore", "latest", "--target", restic.path("back")))
    checks.equal("what came back", restic.differ(tree, os.path.join(restic.path("back"), tree.lstrip("/"))), [])
    checks.equal("dump", len(restic("dump", "latest", os.path.join(tree, "small.txt")).text) > 0, True)
    again = good(checks, "backup of nothing new", restic("backup", "--json", tree))
    checks.equal("adds nothing", json.loads(again.strip().split("\n")[-1])["data_blobs"], 0)
    checks.true("init again", restic("init").code != 0)
    checks.equal("no locks are left", restic("list", "locks").text, "")


def main():
    checks = Checks()
    checks.family(backups)
    checks.finish()


main()
