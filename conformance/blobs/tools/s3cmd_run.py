"""s3cmd: files, lists, copies, metadata, ACLs, policies, CORS, versions, signed URLs."""

import os
import sys
import urllib.request

from checks import Checks
from tool import HOST, KEY, SECRET, Tool, bucket, good

s3cmd = Tool(*sys.argv[1:], "--no-ssl", f"--host={HOST}", f"--host-bucket={HOST}", f"--access_key={KEY}", f"--secret_key={SECRET}", "--no-progress", "--no-check-hostname")
NAME = bucket("s3cmd")
AT = f"s3://{NAME}"


def files(checks):
    tree = s3cmd.tree("tree")
    good(checks, "mb", s3cmd("mb", AT))
    checks.true("ls of buckets", AT in s3cmd("ls").text)
    good(checks, "sync up", s3cmd("sync", tree + "/", AT + "/tree/"))
    again = good(checks, "sync again", s3cmd("sync", tree + "/", AT + "/tree/"))
    checks.true("does nothing", "upload" not in again, again)
    good(checks, "sync down", s3cmd("sync", AT + "/tree/", s3cmd.path("back") + "/"))
    checks.equal("what came back", s3cmd.differ(tree, s3cmd.path("back")), [])
    listed = good(checks, "ls", s3cmd("ls", AT + "/tree/"))
    checks.true("folders and files", "/tree/deep/" in listed and "with space.bin" in listed, listed)
    good(checks, "put with parts", s3cmd("put", "--multipart-chunk-size-mb=5", os.path.join(tree, "big.bin"), AT + "/parts"))
    good(checks, "get", s3cmd("get", AT + "/parts", s3cmd.path("parts")))
    with open(os.path.join(tree, "big.bin"), "rb") as one, open(s3cmd.path("parts"), "rb") as other:
        checks.true("the parts", one.read() == other.read())
    good(checks, "put with metadata", s3cmd("put", "--mime-type=x/y", "--add-header=x-amz-meta-m:1", os.path.join(tree, "small.txt"), AT + "/meta"))
    told = good(checks, "info", s3cmd("info", AT + "/meta"))
    checks.true("its metadata", "x/y" in told and "x-amz-meta-m" in told, told)
    good(checks, "modify", s3cmd("modify", "--add-header=x-amz-meta-n:2", AT + "/meta"))
    checks.true("was modified", "x-amz-meta-n" in s3cmd("info", AT + "/meta").text)
    good(checks, "cp", s3cmd("cp", AT + "/parts", AT + "/copy"))
    good(checks, "mv", s3cmd("mv", AT + "/copy", AT + "/moved"))
    used = good(checks, "du", s3cmd("du", AT + "/moved"))
    checks.true("its size", str(17 << 20) in used, used)
    signed = good(checks, "signurl", s3cmd("signurl", AT + "/tree/small.txt", "+60")).strip()
    with urllib.request.urlopen(signed) as answer:
        checks.equal("by its URL", len(answer.read()), 11)
    missing = s3cmd("get", AT + "/none", s3cmd.path("none"))
    checks.true("an error", missing.code != 0 and "does not exist" in missing.errors, missing)


def settings(checks):
    policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::%s/open/*"}]}' % NAME
    cors = "<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule></CORSConfiguration>"
    for what, document in [("policy", policy), ("cors", cors)]:
        with open(s3cmd.path(what), "w", encoding="utf-8") as file:
            file.write(document)
        good(checks, f"set{what}", s3cmd(f"set{what}", s3cmd.path(what), AT))
    told = good(checks, "info of a bucket", s3cmd("info", AT))
    checks.true("policy and CORS", "s3:GetObject" in told and "AllowedMethod" in told, told)
    good(checks, "put what is open", s3cmd("put", "-", AT + "/open/k", given=b"open"))
    with urllib.request.urlopen(f"http://{HOST}/{NAME}/open/k") as answer:
        checks.equal("everybody reads it", answer.read(), b"open")
    for what in ("policy", "cors"):
        good(checks, f"del{what}", s3cmd(f"del{what}", AT))
    good(checks, "versions on", s3cmd("setversioning", AT, "enable"))
    good(checks, "tag", s3cmd("settagging", AT + "/open/k", "a=1"))
    checks.true("tags", "a" in s3cmd("gettagging", AT + "/open/k").text)
    good(checks, "versions off", s3cmd("setversioning", AT, "disable"))


def gone(checks):
    good(checks, "del recursively", s3cmd("del", "--recursive", "--force", AT))
    checks.equal("nothing is listed", s3cmd("ls", AT).text, "")


def main():
    checks = Checks()
    for family in (files, settings, gone):
        checks.family(family)
    checks.finish()


main()
