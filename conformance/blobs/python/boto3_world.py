"""What boto3's scripts share: a client with its default settings, buckets of their own, outcomes as (status, code).

Address, region and keys are in AWS's own variables, which boto3 reads as it would anywhere.
"""

import http.client
import socket
import urllib.parse
import uuid

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

client = boto3.client("s3")
KEYS_OF_NOBODY = {"aws_access_key_id": "nobody", "aws_secret_access_key": "nothing"}


def made(**settings):
    """A fresh bucket."""
    name = f"boto3-{uuid.uuid4().hex[:12]}"
    client.create_bucket(Bucket=name, **settings)
    return name


def with_versions():
    name = made()
    client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


def outcome(call, *arguments, **named):
    """The HTTP status of a call, with S3's code where it failed. HEAD has no body and so no code but the status."""
    try:
        return call(*arguments, **named)["ResponseMetadata"]["HTTPStatusCode"]
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]


def body(bucket, key, **named):
    return client.get_object(Bucket=bucket, Key=key, **named)["Body"].read()


def keys(bucket, **named):
    """Keys and common prefixes of one page."""
    page = client.list_objects_v2(Bucket=bucket, **named)
    return [one["Key"] for one in page.get("Contents", [])], [one["Prefix"] for one in page.get("CommonPrefixes", [])]


def send(method, url, content=None, headers=None):
    """A request that nobody signs, but maybe its URL: status, headers by their names in lower case, body."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=60)
    connection.request(method, parts.path + ("?" + parts.query if parts.query else ""), content, headers or {})
    answer = connection.getresponse()
    found = {name.lower(): value for name, value in answer.getheaders()}
    return answer.status, found, answer.read()


def url(bucket, key=""):
    """Where an object is for who asks without a client."""
    return f"{client.meta.endpoint_url}/{bucket}/{urllib.parse.quote(key)}"


def configured(**settings):
    """A client that is configured otherwise than by default."""
    return boto3.client("s3", config=Config(**settings))


def resolve_localhost():
    """Makes names below `localhost` this machine, as browsers have it and not every resolver."""
    resolve = socket.getaddrinfo

    def resolved(host, *arguments, **named):
        below = isinstance(host, str) and host.endswith(".localhost")
        return resolve("127.0.0.1" if below else host, *arguments, **named)

    socket.getaddrinfo = resolved
