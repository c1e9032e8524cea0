"""BIND's dig and delv against a node: what an administrator sees, and what a validating resolver makes of signatures."""

from checks import Checks
from dns_node import SECRET, Node, run


def dig(node, *words):
    return run("dig", "@127.0.0.1", "-p", str(node.port), "+tries=2", "+time=5", *words)


def short(node, *words):
    return dig(node, "+short", *words).split("\n")[:-1]


def has(checks, name, text, *parts):
    for part in parts:
        checks.true(f"{name}: {part}", part in text, text)


def answers(checks, node):
    for words, expected in [
        (("www.example.com",), ["192.0.2.2"]),
        (("+tcp", "www.example.com"), ["192.0.2.2"]),
        (("+noedns", "www.example.com"), ["192.0.2.2"]),
        (("example.com",), ["192.0.2.2"]),
        (("example.com", "MX"), ["10 mail.example.com."]),
        (("example.com", "TXT"), ['"v=spf1 -all"']),
        (("example.com", "CAA"), ['0 issue "ca.example"']),
        (("example.com", "HTTPS"), ['1 . alpn="h2"']),
        (("_sip._tcp.example.com", "SRV"), ["0 5 5060 mail.example.com."]),
        (("a.b.wild.example.com", "TXT"), ['"wild"']),
        (("mail.example.com", "AAAA"), ["2001:db8::25"]),
        (("WwW.eXample.ORG",), ["192.0.2.80"]),
    ]:
        checks.equal(f"dig {' '.join(words)}", short(node, *words), expected)
    has(checks, "a name that is not there", dig(node, "nothing.example.com"), "status: NXDOMAIN", "IN\tSOA\tns1.example.com.")
    has(checks, "a type that is not there", dig(node, "mail.example.com", "TXT"), "status: NOERROR", "ANSWER: 0", "IN\tSOA\tns1.example.com.")
    has(checks, "a foreign name", dig(node, "example.net"), "status: REFUSED")
    has(checks, "authoritative", dig(node, "www.example.com"), "flags: qr aa rd;")
    has(checks, "additional addresses of MX", dig(node, "example.com", "MX"), "mail.example.com.\t300\tIN\tA\t192.0.2.25", "2001:db8::25")
    has(checks, "additional addresses of SRV", dig(node, "_sip._tcp.example.com", "SRV"), "mail.example.com.\t300\tIN\tA\t192.0.2.25")
    has(checks, "NSID", dig(node, "+nsid", "example.com"), 'conformance-1')
    has(checks, "ANY", dig(node, "+notcp", "example.com", "ANY"), "HINFO\t\"RFC8482\"")


def subnets(checks, node):
    has(checks, "near", dig(node, "+subnet=10.1.2.0/24", "www.example.com"), "192.0.2.1", "CLIENT-SUBNET: 10.1.2.0/24/16")
    checks.equal("far", short(node, "+subnet=10.2.2.0/24", "www.example.com"), ["192.0.2.2"])
    has(checks, "no subnet is told", dig(node, "+subnet=0.0.0.0/0", "www.example.com"), "CLIENT-SUBNET: 0.0.0.0/0/0")
    has(checks, "an answer for everybody", dig(node, "+subnet=10.1.2.0/24", "mail.example.com"), "CLIENT-SUBNET: 10.1.2.0/24/0")


def transport(checks, node):
    has(checks, "cut short", dig(node, "+ignore", "big.example.org", "TXT"), "flags: qr aa tc", "ANSWER: 0")
    checks.equal("whole by TCP", len(short(node, "big.example.org", "TXT")), 30)
    first = dig(node, "+cookie", "www.example.com")
    has(checks, "a cookie", first, "COOKIE: ", "(good)")
    cookie = first.split("COOKIE: ")[1].split()[0]
    has(checks, "the same cookie again", dig(node, f"+cookie={cookie}", "www.example.com"), "(good)", "192.0.2.2")


def transfers(checks, node):
    key = f"hmac-sha256:transfer:{SECRET}"
    zone = dig(node, "-y", key, "example.org", "AXFR")
    has(checks, "AXFR with TSIG", zone, "www.example.org.\t600\tIN\tA\t192.0.2.80", "XFR size: 34 records")
    checks.true("its signatures are good", "WARNING" not in zone and "failure" not in zone, zone)
    has(checks, "AXFR without a key", dig(node, "example.org", "AXFR"), "Transfer failed")
    has(checks, "AXFR of a zone with pools", dig(node, "-y", key, "example.com", "AXFR"), "Transfer failed")
    has(checks, "a query with TSIG", dig(node, "-y", key, "www.example.org"), "192.0.2.80", "TSIG PSEUDOSECTION", "NOERROR")


def signatures(checks, node):
    keys = short(node, "signed.example", "DNSKEY")
    checks.equal("one key", len(keys), 1)
    flags, protocol, algorithm, *key = keys[0].split()
    anchor = node.path("anchor")
    with open(anchor, "w") as file:
        file.write(f'trust-anchors {{ signed.example. static-key {flags} {protocol} {algorithm} "{"".join(key)}"; }};\n')

    def delv(*words):
        return run("delv", "@127.0.0.1", "-p", str(node.port), "-a", anchor, "+root=signed.example", *words)

    for words, expected in [
        (("www.signed.example", "A"), "192.0.2.90"),
        (("www.signed.example", "AAAA"), "2001:db8::90"),
        (("geo.signed.example", "A"), "192.0.2.93"),
        (("x.wild.signed.example", "A"), "192.0.2.91"),
        (("alias.signed.example", "A"), "192.0.2.90"),
        (("deep.er.signed.example", "TXT"), '"below"'),
        (("signed.example", "DNSKEY"), "257 3 13"),
        (("signed.example", "SOA"), "SOA"),
    ]:
        said = delv(*words)
        has(checks, f"delv {' '.join(words)}", said, "; fully validated", expected)
    for words in [("nothing.signed.example", "A"), ("www.signed.example", "TXT"), ("er.signed.example", "A"), ("a.b.nothing.signed.example", "MX")]:
        said = delv(*words)
        has(checks, f"delv {' '.join(words)}", said, "; negative response, fully validated")
    has(checks, "no signatures unless asked for", dig(node, "www.signed.example"), "ANSWER: 1,")


checks = Checks()
with Node() as node:
    for family in (answers, subnets, transport, transfers, signatures):
        checks.family(family, node)
checks.finish()
