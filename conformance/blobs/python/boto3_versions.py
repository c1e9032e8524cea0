"""Versions, delete markers, object lock."""

import datetime

from boto3_world import body, client, made, outcome, with_versions


def put(bucket, key, content=b"", **named):
    return client.put_object(Bucket=bucket, Key=key, Body=content, **named).get("VersionId")


def listed(bucket, **named):
    """Versions and delete markers of a bucket, the newest first within a key: (key, id, is latest, is marker)."""
    page = client.list_object_versions(Bucket=bucket, **named)
    versions = [(one["Key"], one["VersionId"], one["IsLatest"], False) for one in page.get("Versions", [])]
    return sorted(versions + [(one["Key"], one["VersionId"], one["IsLatest"], True) for one in page.get("DeleteMarkers", [])])


def versions(checks):
    bucket = with_versions()
    checks.equal("status", client.get_bucket_versioning(Bucket=bucket)["Status"], "Enabled")
    first, second = put(bucket, "k", b"1"), put(bucket, "k", b"2")
    checks.true("ids differ", first and second and first != second, (first, second))
    checks.equal("newest", body(bucket, "k"), b"2")
    checks.equal("by id", (body(bucket, "k", VersionId=first), body(bucket, "k", VersionId=second)), (b"1", b"2"))
    deleted = client.delete_object(Bucket=bucket, Key="k")
    marker = deleted["VersionId"]
    checks.true("a delete makes a marker", deleted["DeleteMarker"])
    checks.equal("behind the marker", outcome(client.get_object, Bucket=bucket, Key="k"), (404, "NoSuchKey"))
    checks.equal("the marker itself", outcome(client.get_object, Bucket=bucket, Key="k", VersionId=marker), (405, "MethodNotAllowed"))
    expected = sorted([("k", first, False, False), ("k", second, False, False), ("k", marker, True, True)])
    checks.equal("listed", listed(bucket), expected)
    checks.equal("not among objects", client.list_objects_v2(Bucket=bucket)["KeyCount"], 0)
    undeleted = client.delete_object(Bucket=bucket, Key="k", VersionId=marker)
    checks.equal("delete the marker", (undeleted.get("DeleteMarker"), undeleted["VersionId"]), (True, marker))
    checks.equal("the newest is back", body(bucket, "k"), b"2")
    client.delete_object(Bucket=bucket, Key="k", VersionId=second)
    checks.equal("the one before is the newest", body(bucket, "k"), b"1")
    checks.equal("an id of another form", outcome(client.get_object, Bucket=bucket, Key="k", VersionId="x"), (400, "InvalidArgument"))
    checks.equal("a version that is gone", outcome(client.get_object, Bucket=bucket, Key="k", VersionId=second), (404, "NoSuchVersion"))
    copied = client.copy_object(Bucket=bucket, Key="c", CopySource={"Bucket": bucket, "Key": "k", "VersionId": first})
    checks.equal("copy of a version", (copied["CopySourceVersionId"], body(bucket, "c")), (first, b"1"))
    client.put_object_tagging(Bucket=bucket, Key="k", VersionId=first, Tagging={"TagSet": [{"Key": "a", "Value": "1"}]})
    tags = client.get_object_tagging(Bucket=bucket, Key="k", VersionId=first)
    checks.equal("tags of a version", (tags["TagSet"], tags["VersionId"]), ([{"Key": "a", "Value": "1"}], first))
    for key in ("a", "b/1", "b/2"):
        put(bucket, key), put(bucket, key)
    page = client.list_object_versions(Bucket=bucket, Delimiter="/", Prefix="b")
    checks.equal("versions by delimiter", (page.get("Versions"), page["CommonPrefixes"]), (None, [{"Prefix": "b/"}]))
    pages = client.get_paginator("list_object_versions").paginate(Bucket=bucket, PaginationConfig={"PageSize": 1})
    checks.equal("pages of versions", sorted(one["VersionId"] for page in pages for one in page.get("Versions", [])), sorted(one[1] for one in listed(bucket)))
    checks.equal("delete the bucket", outcome(client.delete_bucket, Bucket=bucket), (409, "BucketNotEmpty"))
    named = [{"Key": key, "VersionId": version} for key, version, _, _ in listed(bucket)]
    told = client.delete_objects(Bucket=bucket, Delete={"Objects": named})
    checks.equal("versions deleted in bulk", (len(told["Deleted"]), told.get("Errors")), (len(named), None))
    checks.equal("delete the empty bucket", outcome(client.delete_bucket, Bucket=bucket), 204)


def suspended(checks):
    bucket = made()
    checks.equal("no status", client.get_bucket_versioning(Bucket=bucket).get("Status"), None)
    checks.equal("no id", put(bucket, "k", b"before"), None)
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    kept = put(bucket, "k", b"kept")
    checks.equal("what was before", body(bucket, "k", VersionId="null"), b"before")
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    checks.equal("put while suspended", put(bucket, "k", b"null"), "null")
    checks.equal("replaced", sorted(one[1] for one in listed(bucket)), sorted([kept, "null"]))
    checks.equal("both", (body(bucket, "k"), body(bucket, "k", VersionId=kept)), (b"null", b"kept"))
    deleted = client.delete_object(Bucket=bucket, Key="k")
    checks.equal("a null marker", (deleted["DeleteMarker"], deleted["VersionId"]), (True, "null"))
    checks.equal("in place of the null version", [one for one in listed(bucket) if one[1] == "null"], [("k", "null", True, True)])


def locks(checks):
    bucket = made(ObjectLockEnabledForBucket=True)
    checks.equal("locks need versions", client.get_bucket_versioning(Bucket=bucket)["Status"], "Enabled")
    lock = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}}
    client.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=lock)
    checks.equal("the rule", client.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"], lock)
    version = put(bucket, "k", b"1")
    head = client.head_object(Bucket=bucket, Key="k")
    day = datetime.timedelta(days=1)
    checks.true("by default", head["ObjectLockMode"] == "GOVERNANCE" and abs(head["ObjectLockRetainUntilDate"] - head["LastModified"] - day) < datetime.timedelta(minutes=1), head)
    at = {"Bucket": bucket, "Key": "k", "VersionId": version}
    checks.equal("a marker may be made", client.delete_object(Bucket=bucket, Key="k")["DeleteMarker"], True)
    checks.equal("no version is deleted", outcome(client.delete_object, **at), (403, "AccessDenied"))
    told = client.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k", "VersionId": version}]})
    checks.equal("nor in bulk", [one["Code"] for one in told["Errors"]], ["AccessDenied"])
    checks.equal("but by who may bypass", outcome(client.delete_object, **at, BypassGovernanceRetention=True), 204)
    until = (datetime.datetime.now(datetime.timezone.utc) + 2 * day).replace(microsecond=0)
    at["VersionId"] = put(bucket, "k", b"2", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=until, ObjectLockLegalHoldStatus="ON")
    checks.equal("retention", client.get_object_retention(**at)["Retention"], {"Mode": "COMPLIANCE", "RetainUntilDate": until})
    checks.equal("legal hold", client.get_object_legal_hold(**at)["LegalHold"], {"Status": "ON"})
    checks.equal("compliance is not bypassed", outcome(client.delete_object, **at, BypassGovernanceRetention=True), (403, "AccessDenied"))
    shorter, longer = {"Mode": "COMPLIANCE", "RetainUntilDate": until - day}, {"Mode": "COMPLIANCE", "RetainUntilDate": until + day}
    checks.equal("not shorter", outcome(client.put_object_retention, **at, Retention=shorter), (403, "AccessDenied"))
    checks.equal("longer", outcome(client.put_object_retention, **at, Retention=longer), 200)
    client.put_object_legal_hold(**at, LegalHold={"Status": "OFF"})
    checks.equal("no hold", client.get_object_legal_hold(**at)["LegalHold"], {"Status": "OFF"})
    plain = made()
    client.put_object(Bucket=plain, Key="k")
    missing = (404, "ObjectLockConfigurationNotFoundError")
    checks.equal("no lock", outcome(client.get_object_lock_configuration, Bucket=plain), missing)
    checks.equal("retention without", outcome(client.get_object_retention, Bucket=plain, Key="k"), (400, "InvalidRequest"))
    locked = {"Bucket": plain, "Key": "k", "ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": until}
    checks.equal("a lock on a put without", outcome(client.put_object, **locked), (400, "InvalidRequest"))
    off = {"Status": "Suspended"}
    checks.equal("versions stay", outcome(client.put_bucket_versioning, Bucket=bucket, VersioningConfiguration=off), (409, "InvalidBucketState"))


FAMILIES = [versions, suspended, locks]
