"""The AWS CLI with its default settings: `s3` for files, `s3api` for what those do not show. AWS's own variables name address and keys."""

import json
import os
import sys
import urllib.request

from checks import Checks
from tool import Tool, bucket, good

aws = Tool(sys.argv[1])
NAME = bucket("awscli")


def api(*arguments):
    """A call of `s3api`; its answer."""
    done = aws("s3api", *arguments, "--output", "json")
    return json.loads(done.text) if done.code == 0 and done.text else done


def files(checks):
    tree = aws.tree("tree")
    good(checks, "mb", aws("s3", "mb", f"s3://{NAME}"))
    checks.true("ls of buckets", NAME in aws("s3", "ls").text)
    good(checks, "sync up", aws("s3", "sync", tree, f"s3://{NAME}/tree"))
    checks.equal("sync again does nothing", aws("s3", "sync", tree, f"s3://{NAME}/tree").text, "")
    good(checks, "sync down", aws("s3", "sync", f"s3://{NAME}/tree", aws.path("back")))
    checks.equal("what came back", aws.differ(tree, aws.path("back")), [])
    listed = good(checks, "ls", aws("s3", "ls", f"s3://{NAME}/tree/"))
    checks.true("folders and files", "PRE deep/" in listed and "with space.bin" in listed, listed)
    listed = good(checks, "ls recursively", aws("s3", "ls", "--recursive", "--summarize", f"s3://{NAME}"))
    checks.true("all files", "ümlaut.txt" in listed and "Total Objects: 6" in listed, listed)
    good(checks, "cp", aws("s3", "cp", os.path.join(tree, "big.bin"), f"s3://{NAME}/cp/big", "--content-type", "x/y", "--metadata", "m=1"))
    head = api("head-object", "--bucket", NAME, "--key", "cp/big")
    checks.true("in parts", head["ETag"].endswith('-3"'), head)
    checks.equal("with metadata", (head["ContentType"], head["Metadata"]), ("x/y", {"m": "1"}))
    good(checks, "cp between objects", aws("s3", "cp", f"s3://{NAME}/cp/big", f"s3://{NAME}/cp/copy"))
    good(checks, "mv", aws("s3", "mv", f"s3://{NAME}/cp/copy", aws.path("moved")))
    checks.equal("cp to stdout", aws("s3", "cp", f"s3://{NAME}/tree/empty", "-").text, "")
    good(checks, "cp from stdin", aws("s3", "cp", "-", f"s3://{NAME}/stdin", given=b"from a pipe"))
    checks.equal("it is there", aws("s3", "cp", f"s3://{NAME}/stdin", "-").text, "from a pipe")
    os.remove(os.path.join(tree, "small.txt"))
    good(checks, "sync with deletions", aws("s3", "sync", "--delete", tree, f"s3://{NAME}/tree"))
    checks.true("one is gone", "small.txt" not in aws("s3", "ls", f"s3://{NAME}/tree/").text)
    signed = good(checks, "presign", aws("s3", "presign", f"s3://{NAME}/stdin")).strip()
    with urllib.request.urlopen(signed) as answer:
        checks.equal("by its URL", answer.read(), b"from a pipe")
    checks.true("rb of a full bucket", aws("s3", "rb", f"s3://{NAME}").code != 0)


def calls(checks):
    name = bucket("awscli")
    body = os.path.join(aws.tree("calls", files={"body": 100}), "body")
    checks.equal("create", api("create-bucket", "--bucket", name)["Location"], f"/{name}")
    good(checks, "versions on", aws("s3api", "put-bucket-versioning", "--bucket", name, "--versioning-configuration", "Status=Enabled"))
    put = api("put-object", "--bucket", name, "--key", "k", "--body", body, "--tagging", "a=1", "--checksum-algorithm", "SHA256")
    checks.true("a version and a checksum", put["VersionId"] and put["ChecksumSHA256"], put)
    told = api("get-object-attributes", "--bucket", name, "--key", "k", "--object-attributes", "ETag", "ObjectSize", "Checksum")
    checks.equal("attributes", (told["ObjectSize"], told["ETag"], told["Checksum"]["ChecksumSHA256"]), (100, put["ETag"].strip('"'), put["ChecksumSHA256"]))
    checks.equal("tags", api("get-object-tagging", "--bucket", name, "--key", "k")["TagSet"], [{"Key": "a", "Value": "1"}])
    marker = api("delete-object", "--bucket", name, "--key", "k")
    listed = api("list-object-versions", "--bucket", name)
    checks.equal("versions", ([one["VersionId"] for one in listed["Versions"]], [one["VersionId"] for one in listed["DeleteMarkers"]]), ([put["VersionId"]], [marker["VersionId"]]))
    got = api("get-object", "--bucket", name, "--key", "k", "--version-id", put["VersionId"], "--range", "bytes=0-9", aws.path("ten"))
    checks.equal("a range", got["ContentRange"], "bytes 0-9/100")
    for what, document in [("bucket-tagging", '{"TagSet":[{"Key":"a","Value":"1"}]}'), ("bucket-cors", '{"CORSRules":[{"AllowedOrigins":["*"],"AllowedMethods":["GET"]}]}')]:
        option = {"bucket-tagging": "--tagging", "bucket-cors": "--cors-configuration"}[what]
        good(checks, f"put-{what}", aws("s3api", f"put-{what}", "--bucket", name, option, document))
        checks.equal(f"get-{what}", api(f"get-{what}", "--bucket", name), json.loads(document))
        good(checks, f"delete-{what}", aws("s3api", f"delete-{what}", "--bucket", name))
    good(checks, "wait", aws("s3api", "wait", "bucket-exists", "--bucket", name))
    missing = aws("s3api", "get-object", "--bucket", name, "--key", "none", aws.path("none"))
    checks.true("an error", missing.code != 0 and "(NoSuchKey)" in missing.errors, missing)
    both = {"Objects": [{"Key": "k", "VersionId": version} for version in (put["VersionId"], marker["VersionId"])]}
    checks.equal("deleted in bulk", len(api("delete-objects", "--bucket", name, "--delete", json.dumps(both))["Deleted"]), 2)
    good(checks, "delete the bucket", aws("s3api", "delete-bucket", "--bucket", name))
    good(checks, "rb --force", aws("s3", "rb", "--force", f"s3://{NAME}"))


def main():
    checks = Checks()
    checks.family(files)
    checks.family(calls)
    checks.finish()


main()
