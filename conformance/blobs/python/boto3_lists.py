"""Lists of objects, of both versions, of buckets: pages, prefixes, delimiters, markers, encodings."""

from boto3_world import client, keys, made, outcome

NAMES = ["a", "b/1", "b/2", "b/c/3", "b/c/4", "d", "e//f", "g/", "h i", "ü/x", "z%2F/y"]


def filled(names):
    bucket = made()
    for name in names:
        client.put_object(Bucket=bucket, Key=name, Body=name.encode())
    return bucket


def lists(checks):
    bucket = filled(NAMES)
    for asked, expected in [
        ({}, (NAMES, [])),
        ({"Prefix": "b/"}, (["b/1", "b/2", "b/c/3", "b/c/4"], [])),
        ({"Delimiter": "/"}, (["a", "d", "h i"], ["b/", "e/", "g/", "z%2F/", "ü/"])),
        ({"Delimiter": "/", "Prefix": "b/"}, (["b/1", "b/2"], ["b/c/"])),
        ({"Delimiter": "/", "Prefix": "b"}, ([], ["b/"])),
        ({"Delimiter": "/", "Prefix": "e/"}, ([], ["e//"])),
        ({"Delimiter": "/", "Prefix": "g/"}, (["g/"], [])),
        ({"Delimiter": "c/"}, (["a", "b/1", "b/2", "d", "e//f", "g/", "h i", "z%2F/y", "ü/x"], ["b/c/"])),
        ({"Delimiter": "%"}, (["a", "b/1", "b/2", "b/c/3", "b/c/4", "d", "e//f", "g/", "h i", "ü/x"], ["z%"])),
        ({"StartAfter": "b/c/3"}, (["b/c/4", "d", "e//f", "g/", "h i", "z%2F/y", "ü/x"], [])),
        ({"StartAfter": "b0", "Delimiter": "/"}, (["d", "h i"], ["e/", "g/", "z%2F/", "ü/"])),
        ({"Prefix": "none"}, ([], [])),
        ({"Prefix": "", "MaxKeys": 0}, ([], [])),
    ]:
        got = keys(bucket, **asked)
        checks.equal(f"list {asked}", got, (sorted(expected[0], key=str.encode), expected[1]))
    page = client.list_objects_v2(Bucket=bucket, Prefix="b/", Delimiter="/", MaxKeys=1, FetchOwner=True)
    told = [page.get(name) for name in ("Name", "Prefix", "Delimiter", "MaxKeys", "KeyCount", "IsTruncated")]
    checks.equal("what a page says", told, [bucket, "b/", "/", 1, 1, True])
    one = page["Contents"][0]
    checks.equal("an entry", (one["Key"], one["Size"], one["StorageClass"], one["ChecksumAlgorithm"]), ("b/1", 3, "STANDARD", ["CRC32"]))
    checks.true("its owner", one["Owner"]["ID"] == client.list_buckets()["Owner"]["ID"], one)
    for size in (1, 2, 3, 1000):
        for delimiter in ("", "/"):
            pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Delimiter=delimiter, PaginationConfig={"PageSize": size})
            found = [name for page in pages for name in [one["Key"] for one in page.get("Contents", [])] + [one["Prefix"] for one in page.get("CommonPrefixes", [])]]
            whole = keys(bucket, Delimiter=delimiter)
            checks.equal(f"pages of {size}, delimiter {delimiter!r}", sorted(found), sorted(whole[0] + whole[1]))
    checks.equal("a token that is none", outcome(client.list_objects_v2, Bucket=bucket, ContinuationToken="x"), (400, "InvalidArgument"))
    checks.equal("no bucket", outcome(client.list_objects_v2, Bucket="no-such-bucket-0"), (404, "NoSuchBucket"))


def old_lists(checks):
    bucket = filled(NAMES)
    page = client.list_objects(Bucket=bucket, Delimiter="/", MaxKeys=2)
    told = ([one["Key"] for one in page["Contents"]], [one["Prefix"] for one in page["CommonPrefixes"]], page["IsTruncated"], page["NextMarker"])
    checks.equal("first page", told, (["a"], ["b/"], True, "b/"))
    page = client.list_objects(Bucket=bucket, Delimiter="/", MaxKeys=2, Marker=page["NextMarker"])
    checks.equal("second page", ([one["Key"] for one in page["Contents"]], [one["Prefix"] for one in page["CommonPrefixes"]]), (["d"], ["e/"]))
    for size in (1, 3):
        pages = client.get_paginator("list_objects").paginate(Bucket=bucket, PaginationConfig={"PageSize": size})
        checks.equal(f"pages of {size}", [one["Key"] for page in pages for one in page["Contents"]], sorted(NAMES, key=str.encode))


def many(checks):
    bucket = filled([f"k{number:04}" for number in range(1005)])
    page = client.list_objects_v2(Bucket=bucket)
    checks.equal("a page has 1,000", (page["KeyCount"], page["IsTruncated"], page["MaxKeys"]), (1000, True, 1000))
    page = client.list_objects_v2(Bucket=bucket, MaxKeys=5000)
    checks.equal("not more when asked for", (page["KeyCount"], page["MaxKeys"]), (1000, 1000))
    rest = client.list_objects_v2(Bucket=bucket, ContinuationToken=page["NextContinuationToken"])
    checks.equal("the rest", [one["Key"] for one in rest["Contents"]], [f"k{number}" for number in range(1000, 1005)])


def buckets(checks):
    name = made()
    listed = client.list_buckets()
    checks.true("listed", name in [one["Name"] for one in listed["Buckets"]])
    checks.equal("by prefix", [one["Name"] for one in client.list_buckets(Prefix=name)["Buckets"]], [name])
    pages = client.get_paginator("list_buckets").paginate(PaginationConfig={"PageSize": 2})
    found = [one["Name"] for page in pages for one in page["Buckets"]]
    checks.equal("pages of buckets", found, sorted(one["Name"] for one in listed["Buckets"]))
    head = client.head_bucket(Bucket=name)
    checks.equal("head", (head["BucketRegion"], head["ResponseMetadata"]["HTTPStatusCode"]), ("us-east-1", 200))
    checks.equal("location", client.get_bucket_location(Bucket=name)["LocationConstraint"], None)
    there = made(CreateBucketConfiguration={"LocationConstraint": "eu-west-3"})
    checks.equal("another location", client.get_bucket_location(Bucket=there)["LocationConstraint"], "eu-west-3")
    checks.equal("head of no bucket", outcome(client.head_bucket, Bucket="no-such-bucket-0"), (404, "404"))
    checks.equal("made again", outcome(client.create_bucket, Bucket=name), (409, "BucketAlreadyOwnedByYou"))
    for wrong in ("Upper", "a_b", "192.168.5.4", "xn--a", "a..b", "-ab", "aa-s3alias"):
        checks.equal(f"the name {wrong}", outcome(client.create_bucket, Bucket=wrong), (400, "InvalidBucketName"))
    client.put_object(Bucket=name, Key="k")
    checks.equal("delete with an object", outcome(client.delete_bucket, Bucket=name), (409, "BucketNotEmpty"))
    client.delete_object(Bucket=name, Key="k")
    checks.equal("delete", outcome(client.delete_bucket, Bucket=name), 204)
    checks.equal("delete again", outcome(client.delete_bucket, Bucket=name), (404, "NoSuchBucket"))


FAMILIES = [lists, old_lists, many, buckets]
