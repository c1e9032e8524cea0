"""A Bole node with zones for one script: in a folder of its own, on free ports of 127.0.0.1. BOLE_BINARY names the program."""

import base64
import os
import signal
import socket
import subprocess
import tempfile
import time

SECRET = base64.b64encode(b"a secret of the conformance run").decode()

DOCUMENT = """
origin = "example.com"
ttl = 300

[records]
"@" = { NS = ["ns1", "ns2"], MX = "10 mail", ALIAS = "www", TXT = "v=spf1 -all", CAA = '0 issue "ca.example"', HTTPS = "1 . alpn=h2" }
ns1 = { A = "192.0.2.53" }
ns2 = { A = "192.0.2.54" }
mail = { A = "192.0.2.25", AAAA = "2001:db8::25" }
www = { POOL = "web" }
"_sip._tcp" = { SRV = "0 5 5060 mail" }
"*.wild" = { TXT = "wild" }

[pools.web]
ttl = 30
chain = ["up", "geotarget", "first_n"]
answers = [
  { name = "near", A = "192.0.2.1", prefix = "10.1.0.0/16" },
  { name = "rest", A = "192.0.2.2" },
]
"""

BIG = "".join(f'big TXT "{number:03} {"x" * 200}"\n' for number in range(30))
MASTER = f"""$TTL 600
@ SOA ns1.example.com. hostmaster 7 7200 1800 1209600 60
@ NS ns1.example.com.
www A 192.0.2.80
{BIG}"""

SIGNED = """
origin = "signed.example"
[records]
"@" = { NS = "ns1.example.com." }
www = { A = "192.0.2.90", AAAA = "2001:db8::90" }
geo = { POOL = "web" }
"*.wild" = { A = "192.0.2.91" }
alias = { CNAME = "www" }
"deep.er" = { TXT = "below" }

[pools.web]
chain = ["geotarget", "first_n"]
answers = [{ name = "near", A = "192.0.2.92", prefix = "10.1.0.0/16" }, { name = "rest", A = "192.0.2.93" }]
"""


def free_port():
    with socket.socket() as found, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        found.bind(("127.0.0.1", 0))
        datagrams.bind(found.getsockname())
        return found.getsockname()[1]


class Node:
    def __init__(self):
        self.room = tempfile.TemporaryDirectory()
        self.folder = self.room.name
        self.ports = {door: free_port() for door in ("admin", "blobs", "gateway", "keyspace", "schemas", "sql", "streams", "dns")}
        self.port, self.tls, self.https = self.ports["dns"], free_port(), free_port()
        for name in ("zones", "keys"):
            os.mkdir(self.path(name))
        for name, text in (("zones/example.com.toml", DOCUMENT), ("zones/example.org.zone", MASTER), ("zones/signed.example.toml", SIGNED),
                           ("tsig", f"transfer hmac-sha256 {SECRET}\n")):
            with open(self.path(name), "w") as file:
                file.write(text)
        openssl = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", "/CN=localhost",
                   "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", self.path("tls.key"), "-out", self.path("tls.crt")]
        subprocess.run(openssl, check=True, capture_output=True)
        subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", self.path("keys/signed.example.pem")],
                       check=True, capture_output=True)
        self.start()

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self):
        values = [f"{door}.listen=127.0.0.1:{port}" for door, port in self.ports.items()]
        values += ["journal.reserve_bytes=0B", f"tls.certificate={self.path('tls.crt')}", f"tls.key={self.path('tls.key')}",
                   f"dns.tls_listen=127.0.0.1:{self.tls}", f"dns.https_listen=127.0.0.1:{self.https}", f"dns.zones={self.path('zones')}",
                   f"dns.keys={self.path('keys')}", f"dns.tsig_file={self.path('tsig')}", "dns.transfer_to=key:transfer", "dns.nsid=conformance-1"]
        flags = [flag for value in values for flag in ("--set", value)]
        env = {name: value for name, value in os.environ.items() if not name.startswith("BOLE_")}
        with open(self.path("node.log"), "a") as log:
            command = [os.environ["BOLE_BINARY"], "serve", "--data", self.path("data"), *flags]
            self.child = subprocess.Popen(command, stdout=log, stderr=log, env=env)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.child.poll() is None:
            try:
                for port in (*self.ports.values(), self.tls, self.https):
                    socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        with open(self.path("node.log")) as log:
            raise SystemExit(f"the node does not start:\n{log.read()[-2000:]}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.send_signal(signal.SIGTERM)
        self.child.wait(30)
        self.room.cleanup()


def run(*command):
    """What a program prints, errors included; it must end within half a minute."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30)
    return done.stdout
