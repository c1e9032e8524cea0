"""Temporary credentials, what is presigned with them, and forms of both versions."""

import base64
import hashlib
import hmac
import json
import uuid
from datetime import datetime, timedelta, timezone

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from boto3_world import body, client, configured, made, outcome, send, url


def service(**settings):
    """The Security Token Service, which is at the same address."""
    return boto3.client("sts", endpoint_url=client.meta.endpoint_url, **settings)


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **one} for one in statements]})


def reading(bucket, prefix=""):
    return policy({"Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/{prefix}*"})


def keys_of(credentials):
    return {
        "aws_access_key_id": credentials["AccessKeyId"],
        "aws_secret_access_key": credentials["SecretAccessKey"],
        "aws_session_token": credentials["SessionToken"],
    }


def assumed(**named):
    """Keys of a session of the caller's own rights, or of what is narrowed."""
    asked = {"RoleArn": "arn:xxx:xxx:xxx:xxxx", "RoleSessionName": "tester", **named}
    return keys_of(service().assume_role(**asked)["Credentials"])


def refusal(call, **named):
    """Only the code: statuses of this service are checked where they matter."""
    try:
        call(**named)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return None


def sessions(checks):
    bucket = made()
    for key in ("open/k", "k"):
        client.put_object(Bucket=bucket, Key=key, Body=b"1")
    sts = service()
    me = sts.get_caller_identity()
    checks.equal("who that is", (me["Account"], me["Arn"]), ("000000000000", "arn:aws:iam::000000000000:user/bole"))
    one = sts.assume_role(RoleArn=me["Arn"], RoleSessionName="tester", DurationSeconds=900)
    lasts = one["Credentials"]["Expiration"] - datetime.now(timezone.utc)
    checks.true("it lasts a quarter of an hour", timedelta(minutes=14) < lasts <= timedelta(minutes=15), lasts)
    checks.true("a key of its own", one["Credentials"]["AccessKeyId"].startswith("ASIA"), one["Credentials"]["AccessKeyId"])
    checks.true("whose it is", one["AssumedRoleUser"]["AssumedRoleId"].endswith(":tester"), one["AssumedRoleUser"])
    checks.equal("the session is its user", service(**keys_of(one["Credentials"])).get_caller_identity()["Account"], me["Account"])

    whole = boto3.client("s3", **keys_of(one["Credentials"]))
    narrow = boto3.client("s3", **assumed(Policy=reading(bucket, "open/")))
    got = boto3.client("s3", **keys_of(sts.get_session_token()["Credentials"]))
    for name, session, expected in [("whole", whole, 200), ("session token", got, 200), ("narrowed", narrow, (403, "AccessDenied"))]:
        checks.equal(f"{name}: what is open", outcome(session.get_object, Bucket=bucket, Key="open/k"), 200)
        checks.equal(f"{name}: what is not", outcome(session.get_object, Bucket=bucket, Key="k"), expected)
        checks.equal(f"{name}: put", outcome(session.put_object, Bucket=bucket, Key="open/new", Body=b"2"), expected)
        checks.equal(f"{name}: list", outcome(session.list_objects_v2, Bucket=bucket), expected)
        checks.equal(f"{name}: buckets", outcome(session.list_buckets), expected)
    copied = outcome(narrow.copy_object, Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "open/k"})
    checks.equal("narrowed: a copy needs more than its source", copied, (403, "AccessDenied"))
    told = narrow.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "open/k"}]})
    checks.equal("narrowed: each key of a bulk delete", [one["Code"] for one in told["Errors"]], ["AccessDenied"])
    whole.put_object(Bucket=bucket, Key="large", Body=b"x" * 300_000)
    checks.equal("a large body by a session", len(body(bucket, "large")), 300_000)
    whole.upload_file(__file__, bucket, "file")
    checks.equal("a file by a session", body(bucket, "file"), open(__file__, "rb").read())
    denied = policy({"Action": "s3:*", "Resource": "*"}, {"Effect": "Deny", "Action": "s3:DeleteObject", "Resource": "*"})
    careful = boto3.client("s3", **assumed(Policy=denied))
    checks.equal("what its policy denies", outcome(careful.delete_object, Bucket=bucket, Key="k"), (403, "AccessDenied"))
    checks.equal("what it allows", outcome(careful.put_object, Bucket=bucket, Key="k", Body=b"3"), 200)


def tokens(checks):
    bucket = made()
    client.put_object(Bucket=bucket, Key="k", Body=b"1")
    mine, other = assumed(), assumed()
    wrong = [
        ("another session's token", {**mine, "aws_session_token": other["aws_session_token"]}, (400, "InvalidToken")),
        ("a token that was changed", {**mine, "aws_session_token": mine["aws_session_token"][:-2] + "AA"}, (400, "InvalidToken")),
        ("no token", {**mine, "aws_session_token": None}, (403, "InvalidAccessKeyId")),
        ("another secret", {**mine, "aws_secret_access_key": other["aws_secret_access_key"]}, (403, "SignatureDoesNotMatch")),
        ("a key that nobody gave", {**mine, "aws_access_key_id": "ASIAAAAAAAAAAAAAAAAA"}, (403, "SignatureDoesNotMatch")),
    ]
    for name, keys, expected in wrong:
        checks.equal(name, outcome(boto3.client("s3", **keys).get_object, Bucket=bucket, Key="k"), expected)
    checks.equal("as they were given", outcome(boto3.client("s3", **mine).get_object, Bucket=bucket, Key="k"), 200)


def refused_sessions(checks):
    sts = service()
    asked = {"RoleArn": "arn:xxx:xxx:xxx:xxxx", "RoleSessionName": "tester"}
    rows = [
        ("a role that nobody has", {**asked, "RoleArn": "arn:aws:iam::000000000000:role/nobodys"}, "AccessDenied"),
        ("another user", {**asked, "RoleArn": "arn:aws:iam::000000000000:user/ann"}, "AccessDenied"),
        ("too long", {**asked, "DurationSeconds": 10_000_000}, "ValidationError"),
        ("a policy that is none", {**asked, "Policy": "{}"}, "MalformedPolicyDocument"),
        ("a policy that is too long", {**asked, "Policy": reading("b" * 2_048)}, "PackedPolicyTooLarge"),
        ("tags", {**asked, "Tags": [{"Key": "a", "Value": "b"}]}, "InvalidParameterValue"),
        ("another device", {**asked, "SerialNumber": "arn:aws:iam::0:mfa/x", "TokenCode": "123456"}, "InvalidParameterValue"),
    ]
    for name, named, code in rows:
        checks.equal(name, refusal(sts.assume_role, **named), code)
    checks.equal("a session asks for another", refusal(service(**assumed()).assume_role, **asked), "AccessDenied")
    token = {**asked, "WebIdentityToken": "eyJhbGciOiJub25lIn0.e30."}
    checks.equal("a token of nobody's", refusal(sts.assume_role_with_web_identity, **token), "InvalidIdentityToken")
    checks.equal("another action", refusal(sts.get_federation_token, Name="tester"), "InvalidAction")
    wrong = service(aws_access_key_id="bole", aws_secret_access_key="another")
    checks.equal("a wrong secret", refusal(wrong.get_caller_identity), "SignatureDoesNotMatch")


def presigned_by_sessions(checks):
    bucket = made()
    for key in ("open/a b", "k"):
        client.put_object(Bucket=bucket, Key=key, Body=b"1")
    whole, narrow = assumed(), assumed(Policy=reading(bucket, "open/"))
    for version, settings in [("2", {}), ("4", {"signature_version": "s3v4"})]:
        for name, keys, expected in [("whole", whole, [200, 200, 200]), ("narrowed", narrow, [200, 403, 403])]:
            one = boto3.client("s3", config=Config(**settings), **keys)

            def ask(operation, key, method, content=None):
                signed = one.generate_presigned_url(operation, Params={"Bucket": bucket, "Key": key})
                return send(method, signed, content)[0], signed

            open_status, signed = ask("get_object", "open/a b", "GET")
            got = [open_status, ask("get_object", "k", "GET")[0], ask("put_object", "open/n", "PUT", b"2")[0]]
            checks.equal(f"{version}, {name}", got, expected)
            # The token's parameter has another spelling in each version.
            without = "&".join(one for one in signed.split("&") if "security-token" not in one.lower())
            checks.true(f"{version}, {name}: without its token", send("GET", without)[0] == 403 and without != signed, without)


def file_of(fields, content, name="cat 1.jpg"):
    """A form as browsers send it: body and its type."""
    mark = uuid.uuid4().hex
    parts = [f'--{mark}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n' for key, value in fields.items()]
    head = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: image/jpeg\r\n\r\n'
    sent = "".join(parts).encode() + head.encode() + content + f"\r\n--{mark}--\r\n".encode()
    return sent, {"Content-Type": f"multipart/form-data; boundary={mark}"}


def post(form, content=b"cat", bucket=None, **more):
    """Sends a form: status, headers, body."""
    sent, headers = file_of({**form["fields"], **more}, content)
    return send("POST", bucket or form["url"], sent, headers)


def form_clients():
    """Clients that make forms of version 2 (the default) and of version 4, by the user and by a session of its."""
    keys = assumed()
    four = Config(signature_version="s3v4")
    return [
        ("2", client),
        ("4", configured(signature_version="s3v4")),
        ("2 by a session", boto3.client("s3", **keys)),
        ("4 by a session", boto3.client("s3", config=four, **keys)),
    ]


def forms(checks):
    for version, one in form_clients():
        bucket = made()
        form = one.generate_presigned_post(bucket, "in/${filename}")
        status, told, _ = post(form)
        checks.equal(f"{version}: put", (status, body(bucket, "in/cat 1.jpg")), (204, b"cat"))
        checks.equal(f"{version}: its ETag", told.get("etag"), '"' + hashlib.md5(b"cat").hexdigest() + '"')
        large = bytes(range(256)) * 2_000
        checks.equal(f"{version}: a large file", (post(form, large)[0], body(bucket, "in/cat 1.jpg") == large), (204, True))
        fields = {"Content-Type": "image/jpeg", "x-amz-meta-who": "ann", "success_action_status": "201"}
        told_of = one.generate_presigned_post(bucket, "k", Fields=fields, Conditions=[{name: value} for name, value in fields.items()])
        status, _, answer = post(told_of)
        checks.equal(f"{version}: 201 with a document", (status, b"<Key>k</Key>" in answer), (201, True))
        head = client.head_object(Bucket=bucket, Key="k")
        checks.equal(f"{version}: fields are kept", (head["ContentType"], head["Metadata"]), ("image/jpeg", {"who": "ann"}))
        moved = {"success_action_redirect": "http://127.0.0.1/done?a=b"}
        elsewhere = one.generate_presigned_post(bucket, "k", Fields=moved, Conditions=[moved])
        status, told, _ = post(elsewhere)
        checks.true(f"{version}: a redirect", status == 303 and told["location"].startswith("http://127.0.0.1/done?a=b&bucket="), told)
        sized = one.generate_presigned_post(bucket, "s", Conditions=[["content-length-range", 2, 4]])
        got = [post(sized, b"x" * size)[0] for size in (1, 2, 4, 5)]
        checks.equal(f"{version}: sizes", got, [400, 204, 204, 400])


def refused_forms(checks):
    for version, one in form_clients():
        bucket, other = made(), made()
        form = one.generate_presigned_post(bucket, "k")
        rows = [
            ("another key", post(form, key="l"), 403),
            ("a field that no condition covers", post(form, **{"x-amz-meta-who": "ann"}), 403),
            ("a policy that was changed", post(form, policy=changed(form["fields"]["policy"])), 403),
            ("another bucket", post(form, bucket=url(other)), 403),
            ("its time is over", post(one.generate_presigned_post(bucket, "k", ExpiresIn=-1)), 403),
        ]
        for name, (status, _, answer), expected in rows:
            checks.equal(f"{version}: {name}", (status, b"<Code>" in answer), (expected, True))
        checks.equal(f"{version}: nothing was put", outcome(client.head_object, Bucket=bucket, Key="k"), (404, "404"))
    narrow = boto3.client("s3", **assumed(Policy=reading(bucket)))
    checks.equal("a session that may not put", post(narrow.generate_presigned_post(bucket, "k"))[0], 403)
    status, _, answer = post({"url": url(bucket), "fields": {"key": "k"}})
    checks.equal("nobody's form", (status, b"AccessDenied" in answer), (403, True))
    forged = {"key": "k", "AWSAccessKeyId": "bole", "policy": changed("e30="), "signature": hmacked("another")}
    checks.equal("signed with another secret", post({"url": url(bucket), "fields": forged})[0], 403)


def changed(text):
    """A policy that allows more, which its signature is not of."""
    document = json.loads(base64.b64decode(text))
    document["expiration"] = "2099-01-01T00:00:00Z"
    return base64.b64encode(json.dumps(document).encode()).decode()


def hmacked(secret):
    return base64.b64encode(hmac.new(secret.encode(), changed("e30=").encode(), hashlib.sha1).digest()).decode()


FAMILIES = [sessions, tokens, refused_sessions, presigned_by_sessions, forms, refused_forms]
