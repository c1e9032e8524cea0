"""requests, httpx (HTTP/1.1 and 2), aiohttp and websockets with their defaults at the gateway."""

import asyncio
import hashlib
import os
import ssl

import aiohttp
import httpx
import requests
import websockets

from checks import Checks

GATEWAY, TLS, CERTIFICATES = os.environ["GATEWAY"], os.environ["GATEWAY_TLS"], os.environ["CERTIFICATES"]
CA = f"{CERTIFICATES}/ca.pem"
MACHINE = (f"{CERTIFICATES}/machine.pem", f"{CERTIFICATES}/machine.key")
BODY = bytes(range(256)) * 2_000
DIGEST = hashlib.sha256(BODY).hexdigest()
KEY = {"x-api-key": "acme-secret"}


def pieces():
    for at in range(0, len(BODY), 10_000):
        yield BODY[at : at + 10_000]


def exchange(checks, name, client):
    """What requests and httpx have in common."""

    def check(what, got, expected):
        checks.equal(f"{name} {what}", got, expected)

    check("query", client.get(f"{GATEWAY}/a", params={"b": "c d", "é": "ü"}).json()["url"].startswith("/a?b=c"), True)
    check("json", client.post(f"{GATEWAY}/a", json={"a": 1}).json()["bytes"] in (7, 8), True)
    check("upload", client.put(f"{GATEWAY}/a", data=BODY).json()["sha256"] if name == "requests" else client.put(f"{GATEWAY}/a", content=BODY).json()["sha256"], DIGEST)
    streamed = client.put(f"{GATEWAY}/a", data=pieces()) if name == "requests" else client.put(f"{GATEWAY}/a", content=pieces())
    check("streamed upload", streamed.json()["sha256"], DIGEST)
    check("form with a file", client.post(f"{GATEWAY}/a", files={"file": ("x", BODY)}).status_code, 200)
    check("download", len(client.get(f"{GATEWAY}/blob").content), 300_000)
    check("range", client.get(f"{GATEWAY}/blob", headers={"range": "bytes=0-9"}).status_code, 206)
    check("chunks", len(client.get(f"{GATEWAY}/chunks").text.splitlines()), 20)
    compressed = client.get(f"{GATEWAY}/compressed/text")
    checks.among(f"{name} coding", compressed.headers.get("content-encoding"), ["gzip", "br", "zstd"])
    check("unpacked", len(compressed.text), 72_000)
    check("cookies", (client.get(f"{GATEWAY}/cookies").status_code, dict(client.cookies)), (200, {"a": "1", "b": "2"}))
    check("cookies are sent", client.get(f"{GATEWAY}/a").json()["headers"]["cookie"], "a=1; b=2")
    check("head", client.head(f"{GATEWAY}/blob").headers["content-length"], "300000")
    check("rewrite", client.get(f"{GATEWAY}/old/x").json()["headers"]["x-route"], "rewritten")
    check("no key", client.get(f"{GATEWAY}/keyed").status_code, 401)
    check("key", client.get(f"{GATEWAY}/keyed", headers=KEY).status_code, 200)
    check("retried", client.get(f"{GATEWAY}/flaky/{name.replace(' ', '-')}").text, "3")
    check("problem", client.get(f"{GATEWAY}/keyed").headers["content-type"], "application/problem+json")


def by_requests(checks):
    with requests.Session() as session:
        exchange(checks, "requests", session)
        checks.equal("requests TLS", session.get(f"{TLS}/a", verify=CA).status_code, 200)
        checks.equal("requests mTLS", session.get(f"{TLS}/machines", verify=CA, cert=MACHINE).status_code, 200)
        checks.equal("requests redirect", session.post(f"{GATEWAY}/moved/a", data=b"x").json()["method"], "POST")
    statuses = [requests.get(f"{GATEWAY}/limited", headers=KEY, timeout=10).status_code for _ in range(5)]
    checks.equal("requests limit", statuses, [200, 200, 200, 429, 429])


def by_httpx(checks):
    context = ssl.create_default_context(cafile=CA)
    with httpx.Client() as client:
        exchange(checks, "httpx", client)
    with httpx.Client(http1=False, http2=True) as client:
        exchange(checks, "httpx h2c", client)
    with httpx.Client(http2=True, verify=context) as client:
        checks.equal("httpx chooses HTTP/2", client.get(f"{TLS}/a").http_version, "HTTP/2")
        checks.equal("httpx forwarded proto", client.get(f"{TLS}/a").json()["headers"]["x-forwarded-proto"], "https")
    context.load_cert_chain(*MACHINE)
    with httpx.Client(http2=True, verify=context) as client:
        checks.equal("httpx mTLS", client.get(f"{TLS}/machines").status_code, 200)


async def many_at_once():
    async with httpx.AsyncClient(http1=False, http2=True) as client:
        answers = await asyncio.gather(*(client.get(f"{GATEWAY}/a?n={n}") for n in range(100)))
        return [answer.json()["url"] for answer in answers] == [f"/a?n={n}" for n in range(100)]


async def by_aiohttp():
    context = ssl.create_default_context(cafile=CA)
    async with aiohttp.ClientSession() as session:
        async with session.put(f"{GATEWAY}/a", data=BODY) as answer:
            upload = (await answer.json())["sha256"]
        async with session.get(f"{GATEWAY}/compressed/text") as answer:
            text = len(await answer.text())
        async with session.get(f"{TLS}/a", ssl=context) as answer:
            secure = answer.status
        async with session.ws_connect(f"{GATEWAY}/ws") as socket:
            await socket.send_bytes(BODY)
            echo = (await socket.receive()).data
        return upload, text, secure, echo == BODY


async def by_websockets():
    context = ssl.create_default_context(cafile=CA)
    got = []
    async with websockets.connect(GATEWAY.replace("http", "ws") + "/ws", subprotocols=["echo"]) as socket:
        got.append(socket.subprotocol)
        for message in ["text", b"\x00\xff", "x" * 500_000, ""]:
            await socket.send(message)
            got.append(await socket.recv() == message)
        await (await socket.ping())
    got.append(socket.close_code)
    async with websockets.connect(TLS.replace("http", "ws") + "/ws", ssl=context) as socket:
        await socket.send("secure")
        got.append(await socket.recv())
    return got


def asynchronous(checks):
    checks.equal("httpx 100 streams at once", asyncio.run(many_at_once()), True)
    checks.equal("aiohttp", asyncio.run(by_aiohttp()), (DIGEST, 72_000, 200, True))
    checks.equal("websockets", asyncio.run(by_websockets()), ["echo", True, True, True, True, 1000, "secure"])


def main():
    checks = Checks()
    for family in (by_requests, by_httpx, asynchronous):
        checks.family(family)
    checks.finish()


main()
