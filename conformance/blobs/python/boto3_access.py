"""Who asks: keys, signatures, presigned URLs of both versions, virtual hosts."""

import time

import boto3
from botocore import UNSIGNED
from botocore.config import Config

from boto3_world import KEYS_OF_NOBODY, body, client, configured, made, outcome, resolve_localhost, send


def keys(checks):
    bucket = made()
    client.put_object(Bucket=bucket, Key="k", Body=b"1")
    wrong = boto3.client("s3", aws_secret_access_key="another", aws_access_key_id="bole")
    checks.equal("a wrong secret", outcome(wrong.get_object, Bucket=bucket, Key="k"), (403, "SignatureDoesNotMatch"))
    checks.equal("no such key", outcome(boto3.client("s3", **KEYS_OF_NOBODY).list_buckets), (403, "InvalidAccessKeyId"))
    nobody = configured(signature_version=UNSIGNED)
    checks.equal("unsigned", outcome(nobody.get_object, Bucket=bucket, Key="k"), (403, "AccessDenied"))
    old = configured(signature_version="s3")
    checks.equal("version 2 in headers", outcome(old.get_object, Bucket=bucket, Key="k"), (400, "InvalidRequest"))
    session = boto3.client("s3", aws_access_key_id="bole", aws_secret_access_key="bolebole", aws_session_token="x")
    checks.equal("a token that nobody gave", outcome(session.get_object, Bucket=bucket, Key="k"), (400, "InvalidToken"))
    elsewhere = boto3.client("s3", region_name="eu-central-1")
    checks.equal("signed for another region", outcome(elsewhere.get_object, Bucket=bucket, Key="k"), 200)
    for name, settings in [("signed bodies", {"s3": {"payload_signing_enabled": True}}), ("path style", {"s3": {"addressing_style": "path"}}),
                           ("checksums when required", {"request_checksum_calculation": "when_required"})]:  # fmt: skip
        one = configured(**settings)
        one.put_object(Bucket=bucket, Key="c", Body=name.encode() * 1000)
        checks.equal(name, body(bucket, "c"), name.encode() * 1000)


def virtual_hosts(checks):
    resolve_localhost()
    endpoint = client.meta.endpoint_url.replace("127.0.0.1", "localhost")
    one = boto3.client("s3", endpoint_url=endpoint, config=Config(s3={"addressing_style": "virtual"}))
    bucket = made()
    one.put_object(Bucket=bucket, Key="a b/ü", Body=b"1")
    checks.equal("by host", (one.get_object(Bucket=bucket, Key="a b/ü")["Body"].read(), body(bucket, "a b/ü")), (b"1", b"1"))
    checks.equal("listed by host", [found["Key"] for found in one.list_objects_v2(Bucket=bucket)["Contents"]], ["a b/ü"])
    checks.equal("presigned by host", presigned(one, bucket, "get_object", {}), [200])


def presigned(one, bucket, operation, named, contents=(None,), key="a b/ü", expires=3600, headers=None):
    """The status of a request by a URL that a client signed, once for each content."""
    method = {"get_object": "GET", "put_object": "PUT", "head_object": "HEAD", "delete_object": "DELETE", "upload_part": "PUT"}[operation]
    signed = one.generate_presigned_url(operation, Params={"Bucket": bucket, "Key": key, **named}, ExpiresIn=expires)
    return [send(method, signed, content, headers)[0] for content in contents]


def presigned_urls(checks):
    clients = [("2", client), ("4", configured(signature_version="s3v4"))]
    for version, one in clients:
        bucket = made()
        checks.equal(f"{version}: put", presigned(one, bucket, "put_object", {}, [b"1", b"22"]), [200, 200])
        checks.equal(f"{version}: it is there", body(bucket, "a b/ü"), b"22")
        for key in ("plus+sign", "a&b=c", "percent%25", "~'()*!", "a//b", "x?versionId=1"):
            checks.equal(f"{version}: put {key}", presigned(one, bucket, "put_object", {}, [key.encode()], key), [200])
            checks.equal(f"{version}: there is {key}", body(bucket, key), key.encode())
        named = {"ContentType": "text/plain", "Metadata": {"m": "1"}, "Tagging": "a=1"}
        sent = {"Content-Type": "text/plain", "x-amz-meta-m": "1", "x-amz-tagging": "a=1"}
        checks.equal(f"{version}: put with headers", presigned(one, bucket, "put_object", named, [b"1"], "h", headers=sent), [200])
        head = client.head_object(Bucket=bucket, Key="h")
        checks.equal(f"{version}: they are kept", (head["ContentType"], head["Metadata"]), ("text/plain", {"m": "1"}))
        checks.equal(f"{version}: get", presigned(one, bucket, "get_object", {}), [200])
        asked = {"ResponseContentType": "text/css", "ResponseContentDisposition": 'attachment; filename="a b.txt"'}
        signed = one.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "h", **asked})
        _, told, _ = send("GET", signed)
        got = (told.get("content-type"), told.get("content-disposition"))
        checks.equal(f"{version}: get with headers", got, ("text/css", 'attachment; filename="a b.txt"'))
        status, _, content = send("GET", signed, headers={"Range": "bytes=0-0"})
        checks.equal(f"{version}: a range", (status, content), (206, b"1"))
        checks.equal(f"{version}: head", presigned(one, bucket, "head_object", {}), [200])
        checks.equal(f"{version}: put by a URL to get", send("PUT", signed, b"1")[0], 403)
        checks.equal(f"{version}: another key", send("GET", signed.replace("/h?", "/i?"))[0], 403)
        upload = client.create_multipart_upload(Bucket=bucket, Key="m")["UploadId"]
        part = {"UploadId": upload, "PartNumber": 1}
        checks.equal(f"{version}: a part", presigned(one, bucket, "upload_part", part, [b"part"], "m"), [200])
        short = one.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "h"}, ExpiresIn=1)
        time.sleep(2.1)
        checks.equal(f"{version}: it expires", send("GET", short)[0], 403)
        checks.equal(f"{version}: delete", presigned(one, bucket, "delete_object", {}), [204])


def what_nobody_signed(checks):
    """Headers that say what a request does count only when they are signed."""
    bucket = made(ObjectOwnership="ObjectWriter")
    client.put_object(Bucket=bucket, Key="secret", Body=b"secret")
    for version, one in [("2", client), ("4", configured(signature_version="s3v4"))]:
        for name, value in [("x-amz-copy-source", f"{bucket}/secret"), ("x-amz-acl", "public-read"), ("x-amz-meta-m", "1")]:
            got = presigned(one, bucket, "put_object", {}, [b""], "target", headers={name: value})
            checks.equal(f"{version}: {name} that is not signed", got, [403])
    checks.equal("nothing was made", outcome(client.head_object, Bucket=bucket, Key="target"), (404, "404"))


FAMILIES = [keys, virtual_hosts, presigned_urls, what_nobody_signed]
