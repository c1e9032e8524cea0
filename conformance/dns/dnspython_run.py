"""dnspython against a node: a library's messages, a zone transferred into its zone, signatures validated with its DNSSEC."""

import ssl

import dns.dnssec
import dns.edns
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.tsig
import dns.tsigkeyring
import dns.zone
from checks import Checks
from dns_node import SECRET, Node

HOST = "127.0.0.1"


def ask(node, name, kind, **options):
    return dns.query.udp(dns.message.make_query(name, kind, **options), HOST, port=node.port, timeout=10)


def texts(answer):
    return sorted(data.to_text() for rrset in answer.answer for data in rrset)


def answers(checks, node):
    for name, kind, expected in [
        ("www.example.com", "A", ["192.0.2.2"]),
        ("example.com", "A", ["192.0.2.2"]),
        ("example.com", "NS", ["ns1.example.com.", "ns2.example.com."]),
        ("example.com", "HTTPS", ['1 . alpn="h2"']),
        ("_sip._tcp.example.com", "SRV", ["0 5 5060 mail.example.com."]),
        ("x.wild.example.com", "TXT", ['"wild"']),
    ]:
        checks.equal(f"{name} {kind}", texts(ask(node, name, kind)), expected)
    nothing = ask(node, "nothing.example.com", "A")
    checks.equal("NXDOMAIN", nothing.rcode(), dns.rcode.NXDOMAIN)
    checks.equal("with the zone's SOA", [rrset.name.to_text() for rrset in nothing.authority], ["example.com."])
    checks.true("authoritative", nothing.flags & dns.flags.AA)


def subnets(checks, node):
    for address, expected, scope in [("10.1.2.0", ["192.0.2.1"], 16), ("10.2.0.0", ["192.0.2.2"], 15), ("192.168.0.0", ["192.0.2.2"], 1)]:
        answer = ask(node, "www.example.com", "A", use_edns=0, options=[dns.edns.ECSOption(address, 24)])
        checks.equal(f"answer for {address}", texts(answer), expected)
        checks.equal(f"scope for {address}", [option.scopelen for option in answer.options if isinstance(option, dns.edns.ECSOption)], [scope])


def transports(checks, node):
    query = dns.message.make_query("big.example.org", "TXT")
    answer, by_tcp = dns.query.udp_with_fallback(query, HOST, port=node.port, timeout=10)
    checks.equal("cut short, then whole by TCP", (by_tcp, len(texts(answer))), (True, 30))
    context = ssl.create_default_context(cafile=node.path("tls.crt"))
    answer = dns.query.tls(dns.message.make_query("www.example.com", "A"), HOST, port=node.tls, timeout=10, ssl_context=context, server_hostname="localhost")
    checks.equal("TLS", texts(answer), ["192.0.2.2"])


def transfer(checks, node):
    ring = dns.tsigkeyring.from_text({"transfer": (dns.tsig.HMAC_SHA256, SECRET)})
    zone = dns.zone.Zone("example.org")
    query = dns.message.make_query("example.org", "AXFR")
    query.use_tsig(ring)
    dns.query.inbound_xfr(HOST, zone, query, port=node.port, timeout=10)
    checks.equal("the zone is there", (zone.get_soa().serial, len(zone.nodes), len(zone.get_rdataset("big", "TXT"))), (7, 3, 30))
    signed = dns.message.make_query("www.example.org", "A")
    signed.use_tsig(ring)
    checks.equal("a query with TSIG", texts(dns.query.udp(signed, HOST, port=node.port, timeout=10)), ["192.0.2.80"])
    checks.raises("nobody else", dns.query.TransferError, "", lambda: dns.query.inbound_xfr(HOST, dns.zone.Zone("example.org"), port=node.port, timeout=10))


def signatures(checks, node):
    zone = dns.name.from_text("signed.example")

    def signed(name, kind):
        answer = ask(node, name, kind, want_dnssec=True)
        name = dns.name.from_text(name)
        find = lambda *what: answer.get_rrset(dns.message.ANSWER, name, dns.rdataclass.IN, *what)
        return find(kind), find(dns.rdatatype.RRSIG, kind)

    keys, signature = signed("signed.example", dns.rdatatype.DNSKEY)
    dns.dnssec.validate(keys, signature, {zone: keys})
    checks.true("keys", True)
    for name, kind in [("www.signed.example", dns.rdatatype.A), ("geo.signed.example", dns.rdatatype.A), ("x.wild.signed.example", dns.rdatatype.A), ("signed.example", dns.rdatatype.SOA)]:
        rrset, signature = signed(name, kind)
        dns.dnssec.validate(rrset, signature, {zone: keys})
        checks.true(f"{name} is validated", True)


checks = Checks()
with Node() as node:
    for family in (answers, subnets, transports, transfer, signatures):
        checks.family(family, node)
checks.finish()
