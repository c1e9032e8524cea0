"""Knot's kdig against a node: TLS and HTTPS with the certificate checked."""

from checks import Checks
from dns_node import Node, run


def kdig(node, port, *words):
    return run("kdig", "@127.0.0.1", "-p", str(port), *words)


def has(checks, name, text, *parts):
    for part in parts:
        checks.true(f"{name}: {part}", part in text, text)


def plain(checks, node):
    has(checks, "UDP", kdig(node, node.port, "www.example.com"), "192.0.2.2", "status: NOERROR", "(UDP)")
    has(checks, "TCP", kdig(node, node.port, "+tcp", "www.example.com"), "192.0.2.2", "(TCP)")
    has(checks, "subnet", kdig(node, node.port, "+subnet=10.1.2.0/24", "www.example.com"), "192.0.2.1", "10.1.2.0/24/16")
    several = kdig(node, node.port, "+tcp", "+keepopen", "www.example.com", "mail.example.com", "www.example.org")
    has(checks, "several on one connection", several, "192.0.2.2", "192.0.2.25", "192.0.2.80")


def secured(checks, node):
    trust = [f"+tls-ca={node.path('tls.crt')}", "+tls-hostname=localhost"]
    for name, port, flag in [("TLS", node.tls, "+tls"), ("HTTPS", node.https, "+https"), ("HTTPS by GET", node.https, "+https-get")]:
        flags = ["+https", flag] if flag == "+https-get" else [flag]
        said = kdig(node, port, *flags, *trust, "www.example.com")
        has(checks, name, said, "192.0.2.2", "status: NOERROR", "TLS session")
        said = kdig(node, port, *flags, *trust, "big.example.org", "TXT")
        checks.equal(f"{name}: a long answer", said.count("xxxx\""), 30)
    wrong = kdig(node, node.tls, "+tls", trust[0], "+tls-hostname=other.example", "www.example.com")
    checks.true("a certificate of somebody else is not taken", "192.0.2.2" not in wrong, wrong)
    has(checks, "padding", kdig(node, node.tls, "+tls", "+padding", *trust, "www.example.com"), "PADDING:", "192.0.2.2")


checks = Checks()
with Node() as node:
    for family in (plain, secured):
        checks.family(family, node)
checks.finish()
