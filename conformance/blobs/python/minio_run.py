"""MinIO's client for Python with its default settings: signed bodies, streams of unknown length, composed objects."""

import datetime
import io
import json
import os
import tempfile
import urllib.parse
import urllib.request
import uuid

from minio import Minio
from minio.commonconfig import COMPLIANCE, ComposeSource, CopySource, GOVERNANCE, Tags
from minio.deleteobjects import DeleteObject
from minio.error import S3Error
from minio.objectlockconfig import DAYS, ObjectLockConfig
from minio.retention import Retention
from minio.versioningconfig import ENABLED, VersioningConfig

from checks import Checks

client = Minio(
    urllib.parse.urlsplit(os.environ["BOLE_BLOBS_ENDPOINT"]).netloc, access_key=os.environ["BOLE_BLOBS_KEY"],
    secret_key=os.environ["BOLE_BLOBS_SECRET"], secure=False,
)  # fmt: skip


def made(**settings):
    name = f"minio-py-{uuid.uuid4().hex[:12]}"
    client.make_bucket(name, **settings)
    return name


def put(bucket, key, content, **named):
    return client.put_object(bucket, key, io.BytesIO(content), len(content), **named)


def body(bucket, key, **named):
    answer = client.get_object(bucket, key, **named)
    try:
        return answer.read()
    finally:
        answer.close()
        answer.release_conn()


def code(call, *arguments, **named):
    try:
        call(*arguments, **named)
        return "done"
    except S3Error as error:
        return error.code


def objects(checks):
    bucket = made()
    checks.true("there is a bucket", client.bucket_exists(bucket))
    checks.true("there is none", not client.bucket_exists("no-such-bucket-0"))
    checks.true("listed", bucket in [one.name for one in client.list_buckets()])
    tags = Tags.new_object_tags()
    tags["a"] = "1"
    put(bucket, "a b/ü+c", b"hello", content_type="text/plain", metadata={"m": "1"}, tags=tags)
    stat = client.stat_object(bucket, "a b/ü+c")
    checks.equal("stat", (stat.size, stat.content_type, stat.metadata["x-amz-meta-m"]), (5, "text/plain", "1"))
    checks.equal("get", body(bucket, "a b/ü+c"), b"hello")
    checks.equal("a range", body(bucket, "a b/ü+c", offset=1, length=3), b"ell")
    checks.equal("tags", dict(client.get_object_tags(bucket, "a b/ü+c")), {"a": "1"})
    put(bucket, "empty", b"")
    checks.equal("an empty object", body(bucket, "empty"), b"")
    content = os.urandom(12 << 20)
    put(bucket, "big", content)
    checks.true("in parts", body(bucket, "big") == content and client.stat_object(bucket, "big").etag.endswith("-3"))
    client.put_object(bucket, "stream", io.BytesIO(content), -1, part_size=5 << 20)
    checks.true("a stream of unknown length", body(bucket, "stream") == content)
    with tempfile.TemporaryDirectory() as folder:
        name = os.path.join(folder, "file")
        with open(name, "wb") as file:
            file.write(content)
        client.fput_object(bucket, "file", name)
        client.fget_object(bucket, "file", name + ".back")
        with open(name + ".back", "rb") as file:
            checks.true("a file", file.read() == content)
    client.copy_object(bucket, "copy", CopySource(bucket, "a b/ü+c"))
    checks.equal("a copy", body(bucket, "copy"), b"hello")
    client.compose_object(bucket, "composed", [ComposeSource(bucket, "big"), ComposeSource(bucket, "copy")])
    checks.true("composed", body(bucket, "composed") == content + b"hello")
    names = [one.object_name for one in client.list_objects(bucket, recursive=True)]
    checks.equal("listed", names, ["a b/ü+c", "big", "composed", "copy", "empty", "file", "stream"])
    checks.equal("folders", [one.object_name for one in client.list_objects(bucket) if one.is_dir], ["a b/"])
    signed = client.presigned_get_object(bucket, "a b/ü+c", expires=datetime.timedelta(minutes=1))
    with urllib.request.urlopen(signed) as answer:
        checks.equal("a signed URL", answer.read(), b"hello")
    signed = client.presigned_put_object(bucket, "put", expires=datetime.timedelta(minutes=1))
    urllib.request.urlopen(urllib.request.Request(signed, b"by URL", method="PUT", headers={"Content-Type": "text/plain"})).close()
    checks.equal("put by a URL", body(bucket, "put"), b"by URL")
    for name, expected in [("none", "NoSuchKey"), ("empty", "done")]:
        checks.equal(f"stat of {name}", code(client.stat_object, bucket, name), expected)
    errors = list(client.remove_objects(bucket, [DeleteObject(name) for name in names]))
    checks.equal("removed in bulk", errors, [])
    checks.equal("a bucket that is not empty", code(client.remove_bucket, bucket), "BucketNotEmpty")
    client.remove_object(bucket, "put")
    client.remove_bucket(bucket)
    checks.true("removed", not client.bucket_exists(bucket))


def settings(checks):
    bucket = made()
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": ["s3:GetObject"],
                                                      "Resource": [f"arn:aws:s3:::{bucket}/*"]}]}  # fmt: skip
    client.set_bucket_policy(bucket, json.dumps(policy))
    checks.equal("policy", json.loads(client.get_bucket_policy(bucket)), policy)
    client.delete_bucket_policy(bucket)
    checks.equal("no policy", code(client.get_bucket_policy, bucket), "NoSuchBucketPolicy")
    tags = Tags.new_bucket_tags()
    tags["team"] = "a b"
    client.set_bucket_tags(bucket, tags)
    checks.equal("tags", dict(client.get_bucket_tags(bucket)), {"team": "a b"})
    client.delete_bucket_tags(bucket)
    checks.equal("no tags", client.get_bucket_tags(bucket), None)
    client.set_bucket_versioning(bucket, VersioningConfig(ENABLED))
    checks.equal("versions", client.get_bucket_versioning(bucket).status, "Enabled")
    ids = [put(bucket, "k", content).version_id for content in (b"1", b"2")]
    client.remove_object(bucket, "k")
    listed = list(client.list_objects(bucket, include_version=True))
    checks.equal("listed", [(one.version_id in ids, one.is_delete_marker) for one in listed], [(True, False), (True, False), (False, True)])
    checks.equal("by version", body(bucket, "k", version_id=ids[0]), b"1")


def locks(checks):
    bucket = made(object_lock=True)
    client.set_object_lock_config(bucket, ObjectLockConfig(GOVERNANCE, 1, DAYS))
    found = client.get_object_lock_config(bucket)
    checks.equal("the rule", (found.mode, found.duration), (GOVERNANCE, 1))
    until = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)).replace(microsecond=0)
    version = put(bucket, "k", b"1", retention=Retention(COMPLIANCE, until), legal_hold=True).version_id
    kept = client.get_object_retention(bucket, "k")
    checks.equal("retention", (kept.mode, kept.retain_until_date), (COMPLIANCE, until))
    checks.true("held", client.is_object_legal_hold_enabled(bucket, "k"))
    client.disable_object_legal_hold(bucket, "k")
    checks.true("not held", not client.is_object_legal_hold_enabled(bucket, "k"))
    checks.equal("not removed", code(client.remove_object, bucket, "k", version_id=version), "AccessDenied")


def main():
    checks = Checks()
    for family in (objects, settings, locks):
        checks.family(family)
    checks.finish()


main()
