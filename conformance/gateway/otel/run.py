"""A collector of OpenTelemetry's own messages, a client and a service of its SDK, with the gateway (BOLE_GATEWAY_URL, told of the collector's
port OTEL_PORT) between: one trace through all three, attributes with the names of the stable semantic conventions, and a collector that fails first."""

import gzip
import http.server
import importlib
import os
import pkgutil
import threading
import urllib.error
import urllib.request

import opentelemetry.semconv.attributes as conventions
from opentelemetry import propagate, trace
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as service
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON

from checks import Checks

GATEWAY, ADMIN = os.environ["BOLE_GATEWAY_URL"], os.environ["BOLE_ADMIN_URL"]
BOLE = "Basic Ym9sZTpib2xlYm9sZQ=="
got, answers, seen = [], [(503, b""), (429, b"")], []


class Quiet(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def body(self):
        return self.rfile.read(int(self.headers.get("content-length", 0)))

    def answer(self, status, body=b"", **fields):
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Collector(Quiet):
    def do_POST(self):
        body = gzip.decompress(self.body())
        if answers:
            status, said = answers.pop(0)
            return self.answer(status, said, retry_after="0")
        request = service.ExportTraceServiceRequest.FromString(body)
        got.append((self.path, dict(self.headers), request))
        said = service.ExportTraceServiceResponse().SerializeToString()
        return self.answer(200, said, content_type="application/x-protobuf")


class Service(Quiet):
    def do_GET(self):
        # The SDK's getter looks names up as they are written; HTTP's have no case, and urllib writes its own.
        fields = {name.lower(): value for name, value in self.headers.items()}
        span = trace.get_current_span(propagate.extract(fields)).get_span_context()
        seen.append((self.path, span))
        return self.answer(500 if self.path.startswith("/broken") else 200, b"ok")


def serve(handler, port=0):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def spans():
    found = []
    for _, _, request in list(got):
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                found.extend(scope.spans)
    return found


def told(attributes):
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


def known():
    """Names of all attributes that are stable."""
    names = set()
    for module in pkgutil.iter_modules(conventions.__path__):
        loaded = importlib.import_module(f"{conventions.__name__}.{module.name}")
        names.update(value for value in vars(loaded).values() if isinstance(value, str) and "." in value)
    return names


def ask(path, sampler, state=None):
    """A request of the SDK's client; its span."""
    tracer = TracerProvider(sampler=sampler).get_tracer("client")
    with tracer.start_as_current_span("client") as span:
        fields = {}
        propagate.inject(fields)
        if state:
            fields["tracestate"] = state
        request = urllib.request.Request(f"{GATEWAY}{path}", headers=fields)
        try:
            urllib.request.urlopen(request, timeout=30).read()
        except urllib.error.HTTPError as error:
            # A client that goes away before the body is another failure than the one that is looked for.
            error.read()
        return span.get_span_context()


def main():
    checks = Checks()
    serve(Collector, int(os.environ["OTEL_PORT"]))
    document = f"""
[services.s]
instances = ["127.0.0.1:{serve(Service)}"]
[routes.orders]
path = "/orders/*"
service = "s"
[routes.broken]
path = "~/broken/([0-9]+)"
service = "s"
"""
    fields = {"authorization": BOLE, "content-type": "application/toml"}
    put = urllib.request.Request(f"{ADMIN}/api/gateway/document", document.encode(), fields, method="PUT")
    urllib.request.urlopen(put, timeout=30).read()

    client = ask("/orders/7?secret=x", ALWAYS_ON, "vendor=1")
    ask("/orders/8", ALWAYS_OFF)
    broken = ask("/broken/12", ALWAYS_ON)
    urllib.request.urlopen(f"{GATEWAY}/orders/9", timeout=30).read()
    checks.eventually("spans come, though the collector fails twice", lambda: len(spans()) >= 6, 60)

    by_trace = lambda context, kind: [s for s in spans() if int.from_bytes(s.trace_id, "big") == context.trace_id and s.kind == kind]
    (server,), (sent,) = by_trace(client, 2), by_trace(client, 3)
    number = lambda octets: int.from_bytes(octets, "big")
    checks.equal("the client's span is the parent", number(server.parent_span_id), client.span_id)
    checks.equal("the try hangs on it", sent.parent_span_id, server.span_id)
    path, reached = seen[0]
    checks.equal("the service continues the try", (reached.trace_id, reached.span_id), (client.trace_id, number(sent.span_id)))
    checks.equal("sampled", reached.trace_flags & 1, 1)
    checks.equal("tracestate goes on", (reached.trace_state.to_header(), server.trace_state), ("vendor=1", "vendor=1"))
    checks.equal("names", (server.name, sent.name), ("GET /orders/*", "GET"))
    attributes = told(server.attributes)
    checks.equal("url.path", attributes["url.path"], "/orders/7")
    checks.equal("http.route", attributes["http.route"], "/orders/*")
    checks.equal("status", attributes["http.response.status_code"], 200)
    checks.true("no query", "secret" not in str(server) + str(sent))
    checks.true("times", server.start_time_unix_nano <= sent.start_time_unix_nano <= sent.end_time_unix_nano <= server.end_time_unix_nano + 1_000_000)
    (server,), (sent,) = by_trace(broken, 2), by_trace(broken, 3)
    checks.equal("a failure is one", (server.status.code, sent.status.code), (2, 2))
    checks.equal("error.type", (told(server.attributes)["error.type"], told(sent.attributes)["error.type"]), ("500", "500"))
    checks.equal("a pattern as route", server.name, "GET ~/broken/([0-9]+)")
    checks.equal("what is not sampled is not seen", [path for path, span in seen if not span.trace_flags & 1], ["/orders/8"])
    roots = [span for span in spans() if not span.parent_span_id]
    checks.equal("a request without a parent", [told(span.attributes)["url.path"] for span in roots], ["/orders/9"])

    names = known()
    used = {one.key for span in spans() for one in span.attributes if not one.key.startswith("bole.")}
    checks.equal("all names are stable conventions", sorted(used - names), [])
    for kind, required in [
        (2, {"http.request.method", "url.path", "url.scheme", "http.response.status_code", "http.route"}),
        (3, {"http.request.method", "url.full", "server.address", "server.port", "http.response.status_code"}),
    ]:
        missing = [required - set(told(span.attributes)) for span in spans() if span.kind == kind]
        checks.equal(f"nothing is missing in kind {kind}", [some for some in missing if some], [])
    path, headers, request = got[0]
    resource = told(request.resource_spans[0].resource.attributes)
    checks.equal("path", path, "/v1/traces")
    checks.equal("service.name", resource["service.name"], "bole")
    checks.equal("scope", request.resource_spans[0].scope_spans[0].scope.name, "bole.gateway")
    metrics = urllib.request.urlopen(f"{ADMIN}/metrics", timeout=30).read().decode()
    line = next(line for line in metrics.splitlines() if line.startswith('bole_gateway_spans_total{result="sent"}'))
    checks.equal("counted", int(line.split(" ")[1]), len(spans()))
    checks.finish()


main()
