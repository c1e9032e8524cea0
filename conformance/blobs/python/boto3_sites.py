"""Websites and access logs. Websites need a node with `blobs.website_domains`, of which `BOLE_BLOBS_WEBSITES` has one; without it they are not asked."""

import json
import os
import urllib.parse

import boto3
from botocore.config import Config

from boto3_world import body, client, made, outcome, send

DOMAIN = os.environ.get("BOLE_BLOBS_WEBSITES")


def visit(bucket, path, method="GET", **headers):
    """What a visitor gets: status, headers, page."""
    host = {"Host": f"{bucket}.{DOMAIN}", **headers}
    return send(method, client.meta.endpoint_url + path, headers=host)


def site(**configuration):
    """A bucket that is a website, whose pages everybody may read."""
    bucket = made()
    client.put_bucket_website(Bucket=bucket, WebsiteConfiguration=configuration)
    resources = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    allowed = {"Effect": "Allow", "Principal": "*", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": resources}
    client.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [allowed]}))
    for key, content in [("index.html", "home"), ("a b/index.html", "folder"), ("plain", "plain"), ("error.html", "sorry")]:
        client.put_object(Bucket=bucket, Key=key, Body=content.encode(), ContentType="text/html")
    return bucket


INDEX = {"IndexDocument": {"Suffix": "index.html"}, "ErrorDocument": {"Key": "error.html"}}


def websites(checks):
    rules = [
        {"Condition": {"KeyPrefixEquals": "docs/"}, "Redirect": {"ReplaceKeyPrefixWith": "documents/"}},
        {"Condition": {"HttpErrorCodeReturnedEquals": "404", "KeyPrefixEquals": "old/"}, "Redirect": {"HostName": "old.example"}},
    ]
    bucket = site(**INDEX, RoutingRules=rules)
    told = client.get_bucket_website(Bucket=bucket)
    checks.equal("the configuration", [told[name] for name in INDEX], list(INDEX.values()))
    checks.equal("its rules", [rule["Redirect"] for rule in told["RoutingRules"]], [rule["Redirect"] for rule in rules])
    client.put_object(Bucket=bucket, Key="moved", WebsiteRedirectLocation="/plain")
    checks.equal("an object that moved", client.head_object(Bucket=bucket, Key="moved")["WebsiteRedirectLocation"], "/plain")
    here = f"http://{bucket}.{DOMAIN}"
    for path, status, page, location in [
        ("/", 200, b"home", None),
        ("/a%20b/", 200, b"folder", None),
        ("/a%20b", 302, b"", "/a%20b/"),
        ("/plain", 200, b"plain", None),
        ("/none", 404, b"sorry", None),
        ("/moved", 301, b"", "/plain"),
        ("/docs/x", 301, b"", f"{here}/documents/x"),
        ("/old/x", 301, b"", "http://old.example/old/x"),
    ]:
        got, headers, content = visit(bucket, path)
        checks.equal(f"GET {path}", (got, content, headers.get("location")), (status, page, location))
    checks.equal("HEAD", visit(bucket, "/plain", "HEAD")[::2], (200, b""))
    status, told, content = visit(bucket, "/plain", Range="bytes=1-2")
    checks.equal("a range", (status, content), (206, b"la"))
    checks.equal("not changed", visit(bucket, "/plain", **{"If-None-Match": told["etag"]})[0], 304)
    checks.equal("nobody puts there", visit(bucket, "/plain", "PUT")[0], 405)
    client.delete_bucket_policy(Bucket=bucket)
    checks.equal("what not everybody may read", visit(bucket, "/plain")[0], 403)
    client.delete_bucket_website(Bucket=bucket)
    checks.equal("no website any more", visit(bucket, "/")[0], 404)
    code = outcome(client.get_bucket_website, Bucket=bucket)
    checks.equal("no configuration any more", code, (404, "NoSuchWebsiteConfiguration"))
    everything = site(RedirectAllRequestsTo={"HostName": "other.example", "Protocol": "https"})
    status, told, _ = visit(everything, "/a%20b?c=d")
    checks.true("all are sent elsewhere", status == 301 and told["location"].startswith("https://other.example/a%20b"), told)


# Lines are delivered for each MiB of them, or after five minutes: so many requests with such an agent are more.
AGENT = "tester/" + "x" * 6_000
REQUESTS = 220


def access_logs(checks):
    logs, bucket = made(), made()
    checks.equal("none at first", "LoggingEnabled" in client.get_bucket_logging(Bucket=bucket), False)
    wanted = {"TargetBucket": logs, "TargetPrefix": "of/b "}
    client.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={"LoggingEnabled": wanted})
    checks.equal("the configuration", client.get_bucket_logging(Bucket=bucket)["LoggingEnabled"], wanted)
    nowhere = {"LoggingEnabled": {**wanted, "TargetBucket": "none-" + logs}}
    refused = outcome(client.put_bucket_logging, Bucket=bucket, BucketLoggingStatus=nowhere)
    checks.equal("a target that is none", refused, (400, "InvalidTargetBucketForLogging"))
    talkative = boto3.client("s3", config=Config(user_agent=AGENT))
    talkative.put_object(Bucket=bucket, Key="a b", Body=b"12345")
    body(bucket, "a b")
    signed = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a b"})
    send("GET", signed)
    send("GET", f"{client.meta.endpoint_url}/{bucket}/none")
    for _ in range(REQUESTS):
        talkative.head_object(Bucket=bucket, Key="a b")

    def delivered():
        return [one["Key"] for one in client.list_objects_v2(Bucket=logs, Prefix="of/b ").get("Contents", [])]

    checks.eventually("they are delivered", delivered, 60)
    lines = b"".join(body(logs, key) for key in delivered()).decode().splitlines()

    def told(name, *words):
        found = [line for line in lines if all(word in line for word in words)]
        checks.true(name, found, [line[:300] for line in lines[:4]])

    told("a put", "arn:aws:iam::000000000000:user/bole", "REST.PUT.OBJECT a%20b ", f'"PUT /{bucket}/a%20b HTTP/1.1" 200 - - 5 ', AGENT)
    told("a get", "REST.GET.OBJECT a%20b ", " 200 - 5 5 ", "AuthHeader")
    told("a head", "REST.HEAD.OBJECT a%20b ", AGENT)
    told("by a URL", "REST.GET.OBJECT a%20b ", "QueryString")
    told("by nobody", " 127.0.0.1 - ", "REST.GET.OBJECT none ", " 403 AccessDenied ")
    token = urllib.parse.urlsplit(signed).query
    checks.equal("what was signed is in no log", [line for line in lines if token in line], [])
    checks.true("each line is of the bucket", all(f" {bucket} [" in line for line in lines), len(lines))
    client.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={})
    checks.equal("none any more", "LoggingEnabled" in client.get_bucket_logging(Bucket=bucket), False)


FAMILIES = [*([websites] if DOMAIN else []), access_logs]
