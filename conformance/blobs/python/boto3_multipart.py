"""Uploads in parts: by hand, managed, with checksums, from copies; listed and given up."""

import io
import os
import tempfile

from boto3.s3.transfer import TransferConfig

from boto3_world import body, client, made, outcome

PART = bytes(range(256)) * 20_480
TAIL = b"the end"


def begun(bucket, key, **named):
    return client.create_multipart_upload(Bucket=bucket, Key=key, **named)["UploadId"]


def parts(checks):
    bucket = made()
    upload = begun(bucket, "k", ContentType="text/plain", Metadata={"m": "1"}, Tagging="a=1")
    at = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    sent = [client.upload_part(**at, PartNumber=number, Body=content) for number, content in ((1, PART), (3, PART), (7, TAIL))]
    listed = client.list_parts(**at)
    checks.equal("parts", [(one["PartNumber"], one["Size"], one["ETag"]) for one in listed["Parts"]],
                 [(1, len(PART), sent[0]["ETag"]), (3, len(PART), sent[1]["ETag"]), (7, len(TAIL), sent[2]["ETag"])])  # fmt: skip
    page = client.list_parts(**at, MaxParts=1, PartNumberMarker=1)
    checks.equal("a page of parts", ([one["PartNumber"] for one in page["Parts"]], page["IsTruncated"], page["NextPartNumberMarker"]), ([3], True, 3))
    checks.equal("listed as an upload", [(one["Key"], one["UploadId"]) for one in client.list_multipart_uploads(Bucket=bucket)["Uploads"]], [("k", upload)])
    checks.equal("no object yet", outcome(client.head_object, Bucket=bucket, Key="k"), (404, "404"))
    named = [{"PartNumber": number, "ETag": one["ETag"]} for number, one in zip((1, 3, 7), sent)]
    complete = client.complete_multipart_upload
    for name, chosen, expected in [
        ("parts in a wrong order", named[::-1], "InvalidPartOrder"),
        ("a part that is not there", [{"PartNumber": 2, "ETag": named[0]["ETag"]}], "InvalidPart"),
        ("a part with another etag", [{"PartNumber": 1, "ETag": '"0"'}], "InvalidPart"),
        ("no parts", [], "MalformedXML"),
    ]:
        checks.equal(name, outcome(complete, **at, MultipartUpload={"Parts": chosen}), (400, expected))
    made_of = complete(**at, MultipartUpload={"Parts": named})
    checks.true("etag of parts", made_of["ETag"].endswith('-3"'), made_of)
    again = complete(**at, MultipartUpload={"Parts": named})
    checks.equal("the answer, asked for again", [again.get(one) for one in ("ETag", "Bucket", "Key")], [made_of["ETag"], bucket, "k"])
    checks.equal("another list, then", outcome(complete, **at, MultipartUpload={"Parts": named[:2]}), (404, "NoSuchUpload"))
    checks.equal("bucket and key", (made_of["Bucket"], made_of["Key"]), (bucket, "k"))
    checks.true("the whole", body(bucket, "k") == PART + PART + TAIL)
    head = client.head_object(Bucket=bucket, Key="k", PartNumber=2)
    checks.equal("head of a part", (head["ContentLength"], head["PartsCount"], head["ContentType"]), (len(PART), 3, "text/plain"))
    got = client.get_object(Bucket=bucket, Key="k", PartNumber=3)
    checks.equal("a part", (got["Body"].read(), got["ContentRange"]), (TAIL, f"bytes {2 * len(PART)}-{2 * len(PART) + 6}/{2 * len(PART) + 7}"))
    checks.equal("tags of an upload", client.get_object_tagging(Bucket=bucket, Key="k")["TagSet"], [{"Key": "a", "Value": "1"}])
    told = client.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["ObjectParts", "ObjectSize"])
    checks.equal("attributes", (told["ObjectSize"], told["ObjectParts"]["TotalPartsCount"]), (2 * len(PART) + 7, 3))
    checks.equal("the upload is over", outcome(client.list_parts, **at), (404, "NoSuchUpload"))


def wrong_parts(checks):
    bucket = made()
    at = {"Bucket": bucket, "Key": "k", "UploadId": begun(bucket, "k")}
    checks.equal("part 0", outcome(client.upload_part, **at, PartNumber=0, Body=b"x"), (400, "InvalidArgument"))
    checks.equal("part 10,001", outcome(client.upload_part, **at, PartNumber=10_001, Body=b"x"), (400, "InvalidArgument"))
    small = [{"PartNumber": number, "ETag": client.upload_part(**at, PartNumber=number, Body=b"small")["ETag"]} for number in (1, 2)]
    checks.equal("parts that are too small", outcome(client.complete_multipart_upload, **at, MultipartUpload={"Parts": small}), (400, "EntityTooSmall"))
    checks.equal("given up", outcome(client.abort_multipart_upload, **at), 204)
    checks.equal("given up twice", outcome(client.abort_multipart_upload, **at), (404, "NoSuchUpload"))
    checks.equal("a part of what was given up", outcome(client.upload_part, **at, PartNumber=1, Body=b"x"), (404, "NoSuchUpload"))
    checks.equal("an upload that never was", outcome(client.abort_multipart_upload, **{**at, "UploadId": "x"}), (404, "NoSuchUpload"))


def uploads(checks):
    bucket = made()
    ids = {key: begun(bucket, key) for key in ("a", "b/1", "b/2", "c d")}
    listed = client.list_multipart_uploads(Bucket=bucket)
    checks.equal("uploads", {one["Key"]: one["UploadId"] for one in listed["Uploads"]}, ids)
    page = client.list_multipart_uploads(Bucket=bucket, Delimiter="/")
    checks.equal("uploads by delimiter", ([one["Key"] for one in page["Uploads"]], page["CommonPrefixes"]), (["a", "c d"], [{"Prefix": "b/"}]))
    pages = client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, PaginationConfig={"PageSize": 1})
    checks.equal("pages of uploads", [one["Key"] for page in pages for one in page.get("Uploads", [])], ["a", "b/1", "b/2", "c d"])
    client.abort_multipart_upload(Bucket=bucket, Key="a", UploadId=ids.pop("a"))
    checks.equal("one was given up", len(client.list_multipart_uploads(Bucket=bucket)["Uploads"]), 3)
    for key, upload in ids.items():
        client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload)
    checks.equal("delete after all are given up", outcome(client.delete_bucket, Bucket=bucket), 204)


def checksums_of_parts(checks):
    bucket = made()
    for algorithm, kind in (("CRC32", "COMPOSITE"), ("CRC32", "FULL_OBJECT"), ("SHA256", "COMPOSITE")):
        key, field = algorithm + kind, "Checksum" + algorithm
        at = {"Bucket": bucket, "Key": key, "UploadId": begun(bucket, key, ChecksumAlgorithm=algorithm, ChecksumType=kind)}
        sent = [client.upload_part(**at, PartNumber=number + 1, Body=content, ChecksumAlgorithm=algorithm) for number, content in enumerate((PART, TAIL))]
        named = [{"PartNumber": number + 1, "ETag": one["ETag"], field: one[field]} for number, one in enumerate(sent)]
        made_of = client.complete_multipart_upload(**at, MultipartUpload={"Parts": named}, ChecksumType=kind)
        head = client.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
        checks.equal(f"{algorithm} {kind}", (head[field], head["ChecksumType"]), (made_of[field], kind))
        told = client.get_object_attributes(Bucket=bucket, Key=key, ObjectAttributes=["ObjectParts", "Checksum"])
        checks.equal(f"{algorithm} {kind}: its parts", [one[field] for one in told["ObjectParts"]["Parts"]], [one[field] for one in sent])
        checks.true(f"{algorithm} {kind}: the client compares", body(bucket, key, ChecksumMode="ENABLED") == PART + TAIL)


def copied_parts(checks):
    bucket = made()
    client.put_object(Bucket=bucket, Key="source", Body=PART + TAIL)
    at = {"Bucket": bucket, "Key": "k", "UploadId": begun(bucket, "k")}
    source = {"Bucket": bucket, "Key": "source"}
    whole = client.upload_part_copy(**at, PartNumber=1, CopySource=source)["CopyPartResult"]["ETag"]
    piece = client.upload_part_copy(**at, PartNumber=2, CopySource=source, CopySourceRange="bytes=10-19")["CopyPartResult"]["ETag"]
    beyond = outcome(client.upload_part_copy, **at, PartNumber=3, CopySource=source, CopySourceRange="bytes=0-99999999")
    checks.equal("a range beyond the source", beyond, (416, "InvalidRange"))
    named = [{"PartNumber": 1, "ETag": whole}, {"PartNumber": 2, "ETag": piece}]
    client.complete_multipart_upload(**at, MultipartUpload={"Parts": named})
    checks.true("copied parts", body(bucket, "k") == PART + TAIL + PART[10:20])


def managed(checks):
    bucket = made()
    content = os.urandom(20 << 20) + b"odd"
    with tempfile.TemporaryDirectory() as folder:
        name = os.path.join(folder, "file")
        with open(name, "wb") as file:
            file.write(content)
        client.upload_file(name, bucket, "file", ExtraArgs={"Metadata": {"m": "1"}, "ContentType": "text/plain"})
        head = client.head_object(Bucket=bucket, Key="file")
        checks.true("upload_file makes parts", head["ETag"].endswith('-3"'), head["ETag"])
        checks.equal("upload_file: metadata", (head["Metadata"], head["ContentLength"]), ({"m": "1"}, len(content)))
        client.download_file(bucket, "file", name + ".back")
        with open(name + ".back", "rb") as file:
            checks.true("download_file", file.read() == content)
    client.upload_fileobj(io.BytesIO(content), bucket, "object")
    back = io.BytesIO()
    client.download_fileobj(bucket, "object", back)
    checks.true("upload_fileobj and back", back.getvalue() == content)
    parts_of_5 = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20)
    client.copy({"Bucket": bucket, "Key": "file"}, bucket, "copy", Config=parts_of_5)
    checks.true("a managed copy in parts", body(bucket, "copy") == content)
    checks.true("its etag", client.head_object(Bucket=bucket, Key="copy")["ETag"].endswith('-5"'))


FAMILIES = [parts, wrong_parts, uploads, checksums_of_parts, copied_parts, managed]
