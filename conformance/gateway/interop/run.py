"""gRPC's own interoperability cases through a gateway: the clients of grpc-go and of grpc-java, grpc-go's server, without TLS, with TLS, and with TLS on both
sides of the gateway. The first argument is the client: go or java.

BOLE_GATEWAY_URL, BOLE_GATEWAY_TLS_URL and BOLE_ADMIN_URL say where the gateway is; INTEROP is the folder with the programs, INTEROP_JARS that with Java's."""

import base64
import os
import subprocess
import sys
import tempfile
import urllib.request
from urllib.parse import urlsplit

from bole_node import free_port
from checks import Checks

# Those that need nothing of a cloud, and no balancer in the client.
CASES = """empty_unary large_unary client_streaming server_streaming ping_pong empty_stream timeout_on_sleeping_server cancel_after_begin
    cancel_after_first_response status_code_and_message special_status_message custom_metadata unimplemented_method unimplemented_service
    rpc_soak channel_soak""".split()


def certificates(folder):
    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl("req", *key, "-x509", "-days", "2", "-keyout", "ca.key", "-subj", "/CN=ca", "-out", "ca.pem")
    openssl("req", *key, "-keyout", "own.key", "-subj", "/CN=localhost", "-out", "own.csr")
    with open(os.path.join(folder, "names"), "w") as names:
        names.write("subjectAltName=DNS:localhost\n")
    openssl("x509", "-req", "-in", "own.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names", "-out", "own.pem")


def server(*flags):
    port = free_port()
    child = subprocess.Popen([os.path.join(os.environ["INTEROP"], "server"), f"-port={port}", *flags], stderr=subprocess.DEVNULL)
    return port, child


def apply(document):
    login = base64.b64encode(b"bole:bolebole").decode()
    request = urllib.request.Request(f"{os.environ['BOLE_ADMIN_URL']}/api/gateway/document", method="PUT", data=document.encode(),
                                     headers={"authorization": f"Basic {login}", "content-type": "application/toml"})
    urllib.request.urlopen(request, timeout=30).close()


def document(folder, port, secured):
    tls = f'tls = {{ name = "localhost", authorities = "{folder}/ca.pem" }}' if secured else ""
    return f"""
[services.calls]
instances = ["127.0.0.1:{port}"]
protocol = "http/2"
{tls}
[certificates.own]
certificate = "{folder}/own.pem"
key = "{folder}/own.key"
[routes.calls]
service = "calls"
"""


def command(client, folder, case, port, secured):
    if client == "go":
        words = [os.path.join(os.environ["INTEROP"], "client"), "-server_host=localhost", f"-server_port={port}", f"-test_case={case}"]
        return words + (["-use_tls", "-use_test_ca", f"-ca_file={folder}/ca.pem"] if secured else [])
    return ["java", "-cp", os.path.join(os.environ["INTEROP_JARS"], "*"), "io.grpc.testing.integration.TestServiceClient", "--server_host=localhost",
            f"--server_port={port}", f"--test_case={case}", f"--use_tls={str(secured).lower()}"]


def ask(checks, client, folder, name, port, secured):
    for case in CASES:
        told = subprocess.run(["timeout", "120", *command(client, folder, case, port, secured)], capture_output=True, text=True)
        checks.equal(f"{name}: {case}", (told.returncode, told.stderr[-300:] if told.returncode else ""), (0, ""))


client = sys.argv[1]
plain, secured = (urlsplit(os.environ[name]).port for name in ("BOLE_GATEWAY_URL", "BOLE_GATEWAY_TLS_URL"))
checks = Checks()
with tempfile.TemporaryDirectory() as folder:
    certificates(folder)
    without, one = server()
    within, other = server("-use_tls", f"-tls_cert_file={folder}/own.pem", f"-tls_key_file={folder}/own.key")
    try:
        apply(document(folder, without, False))
        checks.family(ask, client, folder, "without TLS", plain, False)
        if client == "go":
            checks.family(ask, client, folder, "with TLS", secured, True)
            apply(document(folder, within, True))
            checks.family(ask, client, folder, "with TLS to the instance as well", secured, True)
    finally:
        for child in (one, other):
            child.kill()
            child.wait()
checks.finish()
