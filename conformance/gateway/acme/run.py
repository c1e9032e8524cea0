"""Certificates from Pebble, the test authority of Let's Encrypt's makers, at nodes of Bole of its own: first certificates by both proofs, what TLS clients
see, renewal under open connections, an authority that dies and comes back without a memory, nodes killed in the middle of an order, refusals.

BOLE_BINARY names the node's program, PEBBLE the folder with pebble and pebble-challtestsrv. Pebble rejects a tenth of all nonces."""

import base64
import http.client
import json
import os
import random
import re
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from bole_node import Node, free_port
from checks import Checks

HOSTS = ["a.example.test", "b.example.test"]
SECRET = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"


def openssl(folder, *words):
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


def authority(folder, name):
    """An authority of a server, and a certificate of localhost by it."""
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl(folder, "req", *key, "-x509", "-days", "2", "-keyout", f"{name}-ca.key", "-subj", f"/CN={name}", "-out", f"{name}-ca.pem")
    openssl(folder, "req", *key, "-keyout", f"{name}.key", "-subj", "/CN=localhost", "-out", f"{name}.csr")
    with open(os.path.join(folder, "names"), "w") as names:
        names.write("subjectAltName=DNS:localhost\n")
    openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", f"{name}-ca.pem", "-CAkey", f"{name}-ca.key", "-CAcreateserial", "-days", "2",
            "-extfile", "names", "-out", f"{name}.pem")


def listens(port):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.02)
    raise SystemExit(f"nothing listens on {port}")


class Pebble:
    """The authority, and the DNS that it asks: every name is 127.0.0.1."""

    def __init__(self, folder, gateway, tls, external=False):
        self.folder, self.port, self.management, self.dns, self.control = folder, *(free_port() for _ in range(4))
        self.log = os.path.join(folder, f"pebble-{self.port}.log")
        settings = {
            "listenAddress": f"127.0.0.1:{self.port}",
            "managementListenAddress": f"127.0.0.1:{self.management}",
            "certificate": os.path.join(folder, "pebble.pem"),
            "privateKey": os.path.join(folder, "pebble.key"),
            "httpPort": gateway,
            "tlsPort": tls,
            "retryAfter": {"authz": 1, "order": 1},
            "keyAlgorithm": "ecdsa",
            "externalAccountBindingRequired": external,
            "externalAccountMACKeys": {"kid-1": SECRET} if external else {},
            "domainBlocklist": ["blocked.example.test"],
            "profiles": {
                "default": {"description": "of 90 days", "validityPeriod": 7776000},
                "brief": {"description": "of 30 seconds", "validityPeriod": 30},
            },
        }
        self.config = os.path.join(folder, f"pebble-{self.port}.json")
        with open(self.config, "w") as file:
            json.dump({"pebble": settings}, file)
        binary = os.path.join(os.environ["PEBBLE"], "pebble-challtestsrv")
        off = [f"-{name}=" for name in ("http01", "https01", "tlsalpn01", "doh", "defaultIPv6")]
        with open(os.path.join(folder, "names.log"), "a") as log:
            self.names = subprocess.Popen([binary, *off, f"-dnsserver=127.0.0.1:{self.dns}", f"-management=127.0.0.1:{self.control}",
                                           "-defaultIPv4=127.0.0.1"], stdout=log, stderr=log)
        listens(self.control)
        self.start()

    def start(self):
        env = {**os.environ, "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "10", "PEBBLE_AUTHZREUSE": "0"}
        with open(self.log, "a") as log:
            self.child = subprocess.Popen([os.path.join(os.environ["PEBBLE"], "pebble"), "-config", self.config, "-dnsserver", f"127.0.0.1:{self.dns}"],
                                          stdout=log, stderr=log, env=env)
        listens(self.port)
        listens(self.management)

    def stop(self):
        self.child.kill()
        self.child.wait()

    def end(self):
        for child in (self.child, self.names):
            child.kill()
            child.wait()

    def managed(self, path, body=None):
        trust = ssl.create_default_context(cafile=os.path.join(self.folder, "pebble-ca.pem"))
        request = urllib.request.Request(f"https://localhost:{self.management}{path}", data=body)
        with urllib.request.urlopen(request, context=trust, timeout=10) as answer:
            return answer.read().decode()

    def roots(self):
        return self.managed("/roots/0")

    def said(self):
        with open(self.log) as log:
            return log.read()

    def accounts(self):
        counts = re.findall(r"There are now (\d+) accounts in memory", self.said())
        return int(counts[-1]) if counts else 0

    def issued(self):
        return len(re.findall("Issued certificate serial", self.said()))


class Gateway(Node):
    def __init__(self, folder):
        self.tls = free_port()
        os.makedirs(folder)
        super().__init__(folder, f"gateway.tls_listen=127.0.0.1:{self.tls}")

    def api(self, method, path, body=None):
        login = base64.b64encode(b"bole:bolebole").decode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.ports['admin']}{path}", method=method, data=body and json.dumps(body).encode(),
                                         headers={"authorization": f"Basic {login}", "content-type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"null")

    def put(self, part, name, value):
        status, told = self.api("PUT", f"/api/gateway/{part}/{name}", value)
        if status not in (200, 201):
            raise RuntimeError(f"{part}/{name}: {status} {told}")

    def remove(self, name):
        self.api("DELETE", f"/api/gateway/certificates/{name}")

    def status(self, name):
        return self.api("GET", "/api/gateway/status")[1]["gateway"]["certificates"].get(name, {})

    def until(self, name, holds, seconds=60):
        deadline = time.monotonic() + seconds
        while not holds(status := self.status(name)) and time.monotonic() < deadline:
            time.sleep(0.05)
        return status

    def good(self, name, seconds=60):
        return self.until(name, lambda status: status.get("state") == "good", seconds).get("state")

    def connect(self, host, roots, name=None):
        trust = ssl.create_default_context(cadata=roots)
        socket_ = socket.create_connection(("127.0.0.1", self.tls), 10)
        return trust.wrap_socket(socket_, server_hostname=name or host)

    def get(self, connection, host):
        connection.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return answer.status, answer.read().decode()

    def metrics(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports['admin']}/metrics", timeout=10) as answer:
            return answer.read().decode()


def serial(connection):
    return connection.getpeercert()["serialNumber"]


def asks(pebble, folder, **more):
    # Without a profile Pebble takes any of them.
    return {"directory": f"https://localhost:{pebble.port}/dir", "terms_agreed": True, "authorities": os.path.join(folder, "pebble-ca.pem"),
            "profile": "default", **more}


def first(checks, node, pebble, folder):
    status, told = node.api("PUT", "/api/gateway/certificates/site", {"hosts": HOSTS, "acme": {**asks(pebble, folder), "terms_agreed": False}})
    checks.true("terms that nobody agreed to are refused", status == 422 and "terms_agreed" in json.dumps(told), (status, told))
    node.put("routes", "hello", {"reply": {"status": 200, "body": "hello"}})
    try:
        node.connect(HOSTS[0], pebble.roots())
        checks.true("no certificate before there is one", False)
    except ssl.SSLError as error:
        checks.true("no certificate before there is one", "UNRECOGNIZED_NAME" in str(error).upper(), error)
    node.put("certificates", "site", {"hosts": HOSTS, "acme": asks(pebble, folder, contact="ops@example.test")})
    node.put("certificates", "handshake", {"hosts": ["c.example.test"], "acme": asks(pebble, folder, contact="ops@example.test", challenge="tls-alpn-01")})
    for name in ("site", "handshake"):
        checks.equal(f"{name}: a certificate is issued", node.good(name), "good")
    roots = pebble.roots()
    for host in [*HOSTS, "c.example.test"]:
        with node.connect(host, roots) as connection:
            names = sorted(value for _, value in connection.getpeercert()["subjectAltName"])
            checks.equal(f"{host}: its names", names, HOSTS if host in HOSTS else [host])
            checks.equal(f"{host}: an answer through TLS", node.get(connection, host), [200, "hello"])
    try:
        node.connect("d.example.test", roots)
        checks.true("a host without a certificate gets none", False)
    except ssl.SSLError as error:
        checks.true("a host without a certificate gets none", "UNRECOGNIZED_NAME" in str(error).upper(), error)
    checks.equal("one account", pebble.accounts(), 1)
    checks.true("days left", 'bole_gateway_certificate_days_left{certificate="site"} 89.' in node.metrics())
    told = subprocess.run([os.environ["BOLE_BINARY"], "gateway", "status", "--addr", f"127.0.0.1:{node.ports['admin']}"], capture_output=True, text=True)
    checks.true("bole gateway status", "certificate site: good for a.example.test b.example.test, ends in" in told.stdout, told)


def renewal(checks, node, pebble, folder):
    node.put("certificates", "brief", {"hosts": ["brief.example.test"], "acme": asks(pebble, folder, contact="ops@example.test", profile="brief")})
    node.until("brief", lambda status: status.get("ends_unix"))
    roots = pebble.roots()
    with node.connect("brief.example.test", roots) as connection:
        before, seen, failed = serial(connection), set(), []
        deadline = time.monotonic() + 60
        while len(seen) < 3 and time.monotonic() < deadline:
            try:
                with node.connect("brief.example.test", roots) as other:
                    seen.add(serial(other))
                    if node.get(other, "brief.example.test")[0] != 200:
                        failed.append("status")
            except (OSError, http.client.HTTPException) as error:
                failed.append(str(error))
            time.sleep(0.1)
        checks.true("renewed twice in time", len(seen) >= 3 and before in seen, seen)
        checks.equal("no handshake and no request failed meanwhile", failed, [])
        checks.equal("a connection goes on over renewals", node.get(connection, "brief.example.test"), [200, "hello"])
    node.remove("brief")


def suggestion(checks, node, pebble, folder):
    roots = pebble.roots()
    with node.connect(HOSTS[0], roots) as connection:
        before = serial(connection)
        text = ssl.DER_cert_to_PEM_cert(connection.getpeercert(True))
    window = json.dumps({"suggestedWindow": {"start": "2021-01-03T00:00:00Z", "end": "2021-01-07T00:00:00Z"}})
    pebble.managed("/set-renewal-info/", json.dumps({"Certificate": text, "ARIResponse": window}).encode())
    node.end(signal.SIGTERM)
    node.start()
    listens(node.tls)

    def now():
        with node.connect(HOSTS[0], roots) as connection:
            return serial(connection)

    checks.true("what is kept is shown right after a start", now() is not None)
    deadline = time.monotonic() + 30
    while now() == before and time.monotonic() < deadline:
        time.sleep(0.1)
    checks.true("the authority wants it renewed at once, and it is", now() != before)
    checks.equal("by the same account", pebble.accounts(), 1)


def killed(checks, node, pebble, folder):
    before = pebble.accounts()
    for turn in range(12):
        name, host = f"killed-{turn}", f"killed-{turn}.example.test"
        node.put("certificates", name, {"hosts": [host], "acme": asks(pebble, folder, contact="ops@example.test")})
        time.sleep(random.random() * 1.5)
        node.end(signal.SIGKILL)
        node.start()
        listens(node.tls)
        checks.equal(f"killed in an order, turn {turn}: a certificate all the same", node.good(name), "good")
        with node.connect(host, pebble.roots()) as connection:
            checks.equal(f"turn {turn}: its key is there", node.get(connection, host), [200, "hello"])
    checks.equal("no second account", pebble.accounts(), before)
    for turn in range(12):
        node.remove(f"killed-{turn}")


def dead(checks, node, pebble, folder):
    roots = pebble.roots()
    pebble.stop()
    node.put("certificates", "late", {"hosts": ["late.example.test"], "acme": asks(pebble, folder, contact="ops@example.test")})
    status = node.until("late", lambda status: status.get("failures", 0) >= 2)
    checks.true("an authority that is not there is told", "refused" in (status.get("last_error") or ""), status)
    with node.connect(HOSTS[1], roots) as connection:
        checks.equal("others go on meanwhile", node.get(connection, HOSTS[1]), [200, "hello"])
    pebble.start()
    checks.equal("it is back, and knows nobody any more: a certificate all the same", node.good("late", 90), "good")
    with node.connect("late.example.test", pebble.roots()) as connection:
        checks.equal("by its new root", node.get(connection, "late.example.test"), [200, "hello"])


def refusals(checks, node, pebble, folder):
    wrong = {**asks(pebble, folder), "authorities": os.path.join(folder, "other-ca.pem")}
    node.put("certificates", "wrong", {"hosts": ["wrong.example.test"], "acme": wrong})
    status = node.until("wrong", lambda status: status.get("failures"))
    told = status.get("last_error") or ""
    checks.true("a server of another authority is not believed", "invalid peer certificate" in told and "acme.authorities" in told, status)
    node.put("certificates", "blocked", {"hosts": ["blocked.example.test"], "acme": asks(pebble, folder, contact="ops@example.test")})
    status = node.until("blocked", lambda status: status.get("failures"))
    checks.true("what an authority refuses is told in its words", "rejectedIdentifier" in (status.get("last_error") or ""), status)
    urllib.request.urlopen(f"http://127.0.0.1:{pebble.control}/add-a",
                           json.dumps({"host": "elsewhere.example.test.", "addresses": ["127.9.9.9"]}).encode(), timeout=5).close()
    node.put("certificates", "elsewhere", {"hosts": ["elsewhere.example.test"], "acme": asks(pebble, folder, contact="ops@example.test")})
    status = node.until("elsewhere", lambda status: status.get("failures"))
    checks.true("a name that does not lead here is told", "elsewhere.example.test: " in (status.get("last_error") or ""), status)
    node.put("certificates", "profile", {"hosts": ["profile.example.test"], "acme": asks(pebble, folder, profile="unknown")})
    status = node.until("profile", lambda status: status.get("failures"))
    checks.true("a profile that it does not have is told", "profile" in (status.get("last_error") or "").lower(), status)
    for name in ("wrong", "blocked", "elsewhere", "profile"):
        node.remove(name)


def external(checks, node, pebble, folder):
    bound = Pebble(folder, node.ports["gateway"], node.tls, external=True)
    try:
        node.put("certificates", "unbound", {"hosts": ["unbound.example.test"], "acme": asks(bound, folder)})
        status = node.until("unbound", lambda status: status.get("failures"))
        checks.true("an authority that wants another account", "externalAccountRequired" in (status.get("last_error") or ""), status)
        node.put("certificates", "unbound", {"hosts": ["unbound.example.test"], "acme": asks(bound, folder, external_account={"id": "kid-1", "key": SECRET})})
        checks.equal("gets it", node.good("unbound"), "good")
        told = json.dumps(node.api("GET", "/api/gateway/document")[1])
        checks.true("its key is not told", SECRET not in told and "sealed:" in told, None)
        checks.true("nor logged", SECRET not in open(os.path.join(node.folder, "node.log")).read())
    finally:
        bound.end()


with tempfile.TemporaryDirectory() as folder:
    authority(folder, "pebble")
    authority(folder, "other")
    node = Gateway(os.path.join(folder, "node"))
    pebble = Pebble(folder, node.ports["gateway"], node.tls)
    checks = Checks()
    try:
        for family in (first, renewal, suggestion, killed, dead, refusals, external):
            checks.family(family, node, pebble, folder)
        with open(os.path.join(node.folder, "node.log")) as log:
            text = log.read()
        checks.true("no key is in the log", "PRIVATE KEY" not in text)
        if checks.failed:
            print(text[-6000:])
    finally:
        pebble.end()
        node.end(signal.SIGTERM)
    checks.finish()
