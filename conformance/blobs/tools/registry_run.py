"""The Docker registry (distribution) with its S3 driver on the AWS SDK for Go 1: layers pushed whole and in pieces, mounted, pulled, deleted, collected."""

import hashlib
import http.client
import json
import random
import socket
import subprocess
import sys
import time
import urllib.parse

import boto3

import tool
from checks import Checks

registry = tool.Tool(sys.argv[1])
NAME = tool.bucket("registry")
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


PORT = free_port()
CONFIGURATION = f"""
version: 0.1
log: {{level: warn}}
storage:
  s3: {{accesskey: {tool.KEY}, secretkey: {tool.SECRET}, region: us-east-1, regionendpoint: "{tool.ENDPOINT}", bucket: {NAME}, secure: false, chunksize: 5242880}}
  delete: {{enabled: true}}
http: {{addr: "127.0.0.1:{PORT}"}}
"""


def ask(method, path, content=None, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
    connection.request(method, path, content, {name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read()


def where(headers):
    """The path and query that an answer sends to."""
    parts = urllib.parse.urlsplit(headers["Location"])
    return parts.path + ("?" + parts.query if parts.query else "")


def digest(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def push(checks, name, repository, content, piece):
    """A layer in pieces; its digest."""
    status, headers, _ = ask("POST", f"/v2/{repository}/blobs/uploads/")
    checks.equal(f"{name}: begun", status, 202)
    for at in range(0, len(content), piece):
        part = content[at : at + piece]
        status, headers, told = ask("PATCH", where(headers), part, Content_Type="application/octet-stream", Content_Range=f"{at}-{at + len(part) - 1}")
        checks.true(f"{name}: a piece", status == 202, told)
    path = where(headers)
    status, _, told = ask("PUT", path + ("&" if "?" in path else "?") + "digest=" + urllib.parse.quote(digest(content)))
    checks.true(f"{name}: pushed", status == 201, told)
    return digest(content)


def images(checks):
    noise = random.Random(1)
    layer, settings = noise.randbytes(13 << 20), b"{}"
    of_layer = push(checks, "a layer in pieces", "one", layer, 6 << 20)
    of_settings = push(checks, "a small one", "one", settings, 100)
    status, _, told = ask("GET", f"/v2/one/blobs/{of_layer}")
    # The driver sends clients on to a presigned URL.
    if status == 307:
        status, told = 200, fetched(ask("GET", f"/v2/one/blobs/{of_layer}")[1]["Location"])
    checks.true("pulled", (status, told) == (200, layer), status)
    manifest = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": {"mediaType": "application/json", "size": 2, "digest": of_settings},
                           "layers": [{"mediaType": "application/octet-stream", "size": len(layer), "digest": of_layer}]}).encode()  # fmt: skip
    status, _, told = ask("PUT", "/v2/one/manifests/latest", manifest, Content_Type=MANIFEST)
    checks.true("a manifest", status == 201, told)
    checks.equal("by its tag", ask("GET", "/v2/one/manifests/latest", Accept=MANIFEST)[2], manifest)
    checks.equal("tags", json.loads(ask("GET", "/v2/one/tags/list")[2])["tags"], ["latest"])
    checks.equal("mounted", ask("POST", f"/v2/two/blobs/uploads/?mount={of_layer}&from=one")[0], 201)
    checks.equal("catalog", json.loads(ask("GET", "/v2/_catalog")[2])["repositories"], ["one", "two"])
    checks.equal("deleted", ask("DELETE", f"/v2/one/manifests/{digest(manifest)}")[0], 202)
    checks.equal("gone", ask("GET", "/v2/one/manifests/latest", Accept=MANIFEST)[0], 404)


def fetched(url):
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=60)
    connection.request("GET", parts.path + "?" + parts.query)
    return connection.getresponse().read()


def collected(checks):
    done = registry("garbage-collect", registry.path("config.yml"))
    checks.true("collected", done.code == 0 and done.text.count("blob eligible for deletion") == 3, done)


def main():
    checks = Checks()
    boto3.client("s3").create_bucket(Bucket=NAME)
    with open(registry.path("config.yml"), "w", encoding="utf-8") as file:
        file.write(CONFIGURATION)
    with open(registry.path("log"), "w", encoding="utf-8") as log, subprocess.Popen([*registry.command, "serve", registry.path("config.yml")], stdout=log, stderr=log, env=registry.env) as child:
        try:
            deadline = time.monotonic() + 30
            while child.poll() is None and time.monotonic() < deadline:
                try:
                    socket.create_connection(("127.0.0.1", PORT), 1).close()
                    break
                except OSError:
                    time.sleep(0.05)
            checks.family(images)
        finally:
            child.terminate()
    checks.family(collected)
    checks.finish()


main()
