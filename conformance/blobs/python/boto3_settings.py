"""What buckets are told: tags, CORS, ownership, ACLs, policies, blocks; what nothing is served for."""

import json

from boto3_world import client, made, outcome, send, url

TAGS = {"TagSet": [{"Key": "a", "Value": "1"}, {"Key": "b c", "Value": "ü"}]}


def tags(checks):
    bucket = made()
    checks.equal("no tags", outcome(client.get_bucket_tagging, Bucket=bucket), (404, "NoSuchTagSet"))
    client.put_bucket_tagging(Bucket=bucket, Tagging=TAGS)
    checks.equal("of a bucket", client.get_bucket_tagging(Bucket=bucket)["TagSet"], TAGS["TagSet"])
    checks.equal("deleted", outcome(client.delete_bucket_tagging, Bucket=bucket), 204)
    checks.equal("gone", outcome(client.get_bucket_tagging, Bucket=bucket), (404, "NoSuchTagSet"))
    client.put_object(Bucket=bucket, Key="k")
    at = {"Bucket": bucket, "Key": "k"}
    checks.equal("none on an object", client.get_object_tagging(**at)["TagSet"], [])
    client.put_object_tagging(**at, Tagging=TAGS)
    checks.equal("of an object", client.get_object_tagging(**at)["TagSet"], TAGS["TagSet"])
    many = {"TagSet": [{"Key": str(number), "Value": ""} for number in range(11)]}
    checks.equal("more than ten", outcome(client.put_object_tagging, **at, Tagging=many), (400, "BadRequest"))
    twice = {"TagSet": [{"Key": "a", "Value": ""}] * 2}
    checks.equal("a key twice", outcome(client.put_object_tagging, **at, Tagging=twice), (400, "InvalidTag"))
    checks.equal("deleted from an object", outcome(client.delete_object_tagging, **at), 204)
    checks.equal("none is left", client.get_object_tagging(**at)["TagSet"], [])


def cors(checks):
    bucket = made()
    checks.equal("no rules", outcome(client.get_bucket_cors, Bucket=bucket), (404, "NoSuchCORSConfiguration"))
    rules = [{"ID": "one", "AllowedOrigins": ["https://*.example"], "AllowedMethods": ["GET", "PUT"], "AllowedHeaders": ["x-amz-*"],
              "ExposeHeaders": ["ETag"], "MaxAgeSeconds": 60}]  # fmt: skip
    client.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": rules})
    checks.equal("rules", client.get_bucket_cors(Bucket=bucket)["CORSRules"], rules)
    asked = {"Origin": "https://a.example", "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "x-amz-date"}
    status, told, _ = send("OPTIONS", url(bucket, "k"), headers=asked)
    checks.equal("a preflight", (status, told.get("access-control-allow-origin"), told.get("access-control-max-age")), (200, "https://a.example", "60"))
    status, told, _ = send("OPTIONS", url(bucket, "k"), headers={**asked, "Origin": "https://a.test"})
    checks.equal("of another origin", (status, told.get("access-control-allow-origin")), (403, None))
    wrong = [{"AllowedOrigins": ["*"], "AllowedMethods": ["FETCH"]}]
    checks.equal("a method that is none", outcome(client.put_bucket_cors, Bucket=bucket, CORSConfiguration={"CORSRules": wrong}), (400, "InvalidRequest"))
    checks.equal("deleted", outcome(client.delete_bucket_cors, Bucket=bucket), 204)


def ownership(checks):
    bucket = made()
    missing = (404, "OwnershipControlsNotFoundError")
    checks.equal("no rule", outcome(client.get_bucket_ownership_controls, Bucket=bucket), missing)
    checks.equal("then no ACL is taken", outcome(client.put_bucket_acl, Bucket=bucket, ACL="public-read"), (400, "AccessControlListNotSupported"))
    checks.equal("nor with a put", outcome(client.put_object, Bucket=bucket, Key="k", ACL="public-read"), (400, "AccessControlListNotSupported"))
    checks.equal("but the one that says nothing", outcome(client.put_object, Bucket=bucket, Key="k", ACL="bucket-owner-full-control"), 200)
    rules = {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    client.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=rules)
    checks.equal("put", client.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"], rules)
    checks.equal("deleted", outcome(client.delete_bucket_ownership_controls, Bucket=bucket), 204)


def acls(checks):
    bucket = made(ObjectOwnership="BucketOwnerPreferred")
    owner = client.list_buckets()["Owner"]["ID"]
    everybody = {"Type": "Group", "URI": "http://acs.amazonaws.com/groups/global/AllUsers"}
    mine = {"Grantee": {"Type": "CanonicalUser", "ID": owner}, "Permission": "FULL_CONTROL"}

    def grants(told):
        return [{"Grantee": {name: one["Grantee"][name] for name in ("Type", "ID", "URI") if name in one["Grantee"]}, "Permission": one["Permission"]}
                for one in told["Grants"]]  # fmt: skip

    checks.equal("of a bucket", grants(client.get_bucket_acl(Bucket=bucket)), [mine])
    client.put_object(Bucket=bucket, Key="k", Body=b"1")
    checks.equal("of an object", grants(client.get_object_acl(Bucket=bucket, Key="k")), [mine])
    checks.equal("nobody reads it", send("GET", url(bucket, "k"))[0], 403)
    client.put_object_acl(Bucket=bucket, Key="k", ACL="public-read")
    checks.equal("everybody may", grants(client.get_object_acl(Bucket=bucket, Key="k")), [mine, {"Grantee": everybody, "Permission": "READ"}])
    checks.equal("everybody reads it", send("GET", url(bucket, "k"))[::2], (200, b"1"))
    policy = {"Owner": {"ID": owner}, "Grants": [mine]}
    client.put_object_acl(Bucket=bucket, Key="k", AccessControlPolicy=policy)
    checks.equal("by a document", grants(client.get_object_acl(Bucket=bucket, Key="k")), [mine])
    client.put_object(Bucket=bucket, Key="g", Body=b"2", GrantRead='uri="http://acs.amazonaws.com/groups/global/AllUsers"')
    checks.equal("with a put", send("GET", url(bucket, "g"))[0], 200)
    checks.equal("nobody lists", send("GET", url(bucket))[0], 403)
    client.put_bucket_acl(Bucket=bucket, ACL="public-read")
    status, _, told = send("GET", url(bucket))
    checks.true("everybody lists", status == 200 and b"<Key>g</Key>" in told, told)
    block = {"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": False, "RestrictPublicBuckets": False}
    client.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=block)
    checks.equal("block", client.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"], block)
    checks.equal("public ACLs are ignored", send("GET", url(bucket, "g"))[0], 403)
    checks.equal("and not taken", outcome(client.put_object_acl, Bucket=bucket, Key="k", ACL="public-read"), (403, "AccessDenied"))
    client.delete_public_access_block(Bucket=bucket)
    missing = (404, "NoSuchPublicAccessBlockConfiguration")
    checks.equal("no block", outcome(client.get_public_access_block, Bucket=bucket), missing)
    checks.equal("read again", send("GET", url(bucket, "g"))[0], 200)


def policies(checks):
    bucket = made()
    checks.equal("no policy", outcome(client.get_bucket_policy, Bucket=bucket), (404, "NoSuchBucketPolicy"))
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/open/*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    client.put_bucket_policy(Bucket=bucket, Policy=policy)
    checks.equal("as it was put", client.get_bucket_policy(Bucket=bucket)["Policy"], policy)
    checks.equal("it is public", client.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"], {"IsPublic": True})
    for key in ("open/k", "closed/k"):
        client.put_object(Bucket=bucket, Key=key, Body=b"1")
    for key, method, expected in [("open/k", "GET", 200), ("open/k", "HEAD", 200), ("closed/k", "GET", 403), ("open/k", "DELETE", 403), ("open/none", "GET", 403), ("open/k", "PUT", 403)]:
        checks.equal(f"nobody's {method} of {key}", send(method, url(bucket, key))[0], expected)
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:DeleteObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    client.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))
    checks.equal("a denial is for everybody", outcome(client.delete_object, Bucket=bucket, Key="open/k"), (403, "AccessDenied"))
    checks.equal("not public", client.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"], {"IsPublic": False})
    checks.equal("no policy at all", outcome(client.put_bucket_policy, Bucket=bucket, Policy="{}"), (400, "MalformedPolicy"))
    other = json.dumps({"Version": "2012-10-17", "Statement": [{**deny, "Resource": "arn:aws:s3:::other/*"}]})
    checks.equal("of another bucket", outcome(client.put_bucket_policy, Bucket=bucket, Policy=other), (400, "MalformedPolicy"))
    checks.equal("deleted", outcome(client.delete_bucket_policy, Bucket=bucket), 204)
    checks.equal("deletes again", outcome(client.delete_object, Bucket=bucket, Key="open/k"), 204)


def never_put(checks):
    """What can be asked for and deleted while nothing puts it."""
    bucket = made()
    checks.equal("no lifecycle", outcome(client.get_bucket_lifecycle_configuration, Bucket=bucket), (404, "NoSuchLifecycleConfiguration"))
    checks.equal("lifecycle deleted", outcome(client.delete_bucket_lifecycle, Bucket=bucket), 204)
    checks.equal("no website", outcome(client.get_bucket_website, Bucket=bucket), (404, "NoSuchWebsiteConfiguration"))
    checks.equal("website deleted", outcome(client.delete_bucket_website, Bucket=bucket), 204)


def lifecycle(checks):
    bucket = made()
    rules = [
        {"ID": "tmp", "Status": "Enabled", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 7},
         "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}},
        {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": ""}, "NoncurrentVersionExpiration": {"NoncurrentDays": 30}},
    ]  # fmt: skip
    client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
    kept = client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    checks.equal("rules of lifecycle", [(each["ID"], each["Status"]) for each in kept], [("tmp", "Enabled"), ("old", "Enabled")])
    client.put_object(Bucket=bucket, Key="tmp/a", Body=b"1")
    checks.true("when an object goes", 'rule-id="tmp"' in client.head_object(Bucket=bucket, Key="tmp/a").get("Expiration", ""))
    checks.true("and that another stays", "Expiration" not in client.put_object(Bucket=bucket, Key="b", Body=b"1"))
    client.delete_bucket_lifecycle(Bucket=bucket)
    checks.equal("no rules any more", outcome(client.get_bucket_lifecycle_configuration, Bucket=bucket),
                 (404, "NoSuchLifecycleConfiguration"))


def encryption(checks):
    bucket = made()
    rules = [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
    client.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": rules})
    body = bytes(range(256)) * 1_000
    checks.equal("the bucket's encryption", client.put_object(Bucket=bucket, Key="k", Body=body)["ServerSideEncryption"], "AES256")
    got = client.get_object(Bucket=bucket, Key="k")
    checks.equal("an encrypted object", (got["Body"].read() == body, got["ServerSideEncryption"]), (True, "AES256"))
    key = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": b"k" * 32}
    client.put_object(Bucket=bucket, Key="c", Body=body, **key)
    ranged = client.get_object(Bucket=bucket, Key="c", Range="bytes=65000-66999", **key)["Body"].read()
    checks.equal("a range under a client's key", ranged == body[65_000:67_000], True)
    checks.equal("without the key", outcome(client.get_object, Bucket=bucket, Key="c"), (400, "InvalidRequest"))
    checks.equal("a key service", outcome(client.put_object, Bucket=bucket, Key="m", Body=b"", ServerSideEncryption="aws:kms")[0], 501)


def logging(checks):
    bucket, target = made(), made()
    checks.true("no log", "LoggingEnabled" not in client.get_bucket_logging(Bucket=bucket))
    enabled = {"TargetBucket": target, "TargetPrefix": "log/"}
    client.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={"LoggingEnabled": enabled})
    checks.equal("a log", client.get_bucket_logging(Bucket=bucket)["LoggingEnabled"], enabled)


def refused(checks):
    """A refusal names what is not served; a row goes when it is."""
    bucket = made()
    client.put_object(Bucket=bucket, Key="k", Body=b"1")
    no = (501, "NotImplemented")
    for call, named in [
        (client.get_bucket_replication, {}),
        (client.get_bucket_request_payment, {}),
        (client.get_bucket_accelerate_configuration, {}),
        (client.list_bucket_metrics_configurations, {}),
        (client.select_object_content, {"Key": "k", "ExpressionType": "SQL", "Expression": "SELECT * FROM s3object", "InputSerialization": {"CSV": {}},
                                        "OutputSerialization": {"CSV": {}}}),  # fmt: skip
        (client.restore_object, {"Key": "k", "RestoreRequest": {"Days": 1}}),
        (client.get_object_torrent, {"Key": "k"}),
    ]:
        checks.equal(f"refused: {call.__name__}", outcome(call, Bucket=bucket, **named), no)
    at = {"Bucket": bucket, "Key": "k"}
    checks.equal("another storage class", outcome(client.put_object, **at, StorageClass="GLACIER"), (400, "InvalidStorageClass"))
    checks.equal("an append", outcome(client.put_object, **at, Body=b"2", WriteOffsetBytes=1), no)
    checks.equal("another account", outcome(client.get_object, **at, ExpectedBucketOwner="1" * 12), (403, "AccessDenied"))


FAMILIES = [tags, cors, ownership, acls, policies, never_put, lifecycle, encryption, logging, refused]
