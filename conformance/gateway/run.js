// One client (the first argument) at a real gateway: starts what stands behind it (HTTP, WebSocket, gRPC), gives it a document with routes of every
// kind and certificates made for the run, and runs the client's own program, whose exit code counts.
// BOLE_GATEWAY_URL, BOLE_GATEWAY_TLS_URL and BOLE_ADMIN_URL say where the gateway is; BOLE_PID, if given, is the node's process.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { execFileSync, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { start } from "./upstream.js";

const here = path.dirname(fileURLToPath(import.meta.url));
const client = process.argv[2];
const programs = {
  curl: ["sh", ["curl/run.sh"]],
  python: [process.env.GATEWAY_PYTHON ?? "python3", ["python/run.py"]],
  floods: [process.env.GATEWAY_PYTHON ?? "python3", ["floods/run.py"]],
  node: ["node", ["node/run.js"]],
  chromium: ["node", ["chromium/run.js"]],
  go: ["go", ["run", "."], "go"],
  java: ["java", ["java/Run.java"]],
};
if (!programs[client]) throw new Error(`no client ${JSON.stringify(client)}; there are ${Object.keys(programs).join(", ")}`);

// An authority, a certificate for the gateway and one for a client.
const certificates = (folder) => {
  const openssl = (...args) => execFileSync("openssl", args, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
  const key = (name) => ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", `${name}.key`, "-subj", `/CN=${name}`];
  openssl(...key("ca"), "-x509", "-days", "2", "-out", "ca.pem");
  for (const [name, extension] of [["localhost", "subjectAltName=DNS:localhost,IP:127.0.0.1"], ["machine", "subjectAltName=DNS:machine.example"]]) {
    fs.writeFileSync(path.join(folder, `${name}.ext`), `${extension}\n`);
    openssl(...key(name), "-out", `${name}.csr`);
    openssl("x509", "-req", "-in", `${name}.csr`, "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", `${name}.ext`, "-out", `${name}.pem`);
  }
};

const document = (upstream, folder) => `
[services.web]
instances = ["127.0.0.1:${upstream.http}"]
[services.flaky]
instances = ["127.0.0.1:${upstream.http}"]
retries = { attempts = 2, statuses = [503], budget_per_second = 1000.0 }
[services.grpc]
instances = ["127.0.0.1:${upstream.grpc}"]
protocol = "http/2"
[certificates.own]
certificate = "${folder}/localhost.pem"
key = "${folder}/localhost.key"
client_authorities = "${folder}/ca.pem"
client_optional = true
[logins.keys.key]
header = "x-api-key"
[logins.machines.certificate]
names = ["machine.example"]
[consumers.acme]
keys = ["acme-secret"]
[limits.few]
window = { limit = 3, period = "1h" }
key = "consumer"
[routes.web]
service = "web"
request_body_max = "8MiB"
[routes.rewritten]
path = "/old/*"
service = "web"
rewrite = { strip_prefix = "/old", add_prefix = "/new" }
request_headers = { set = { x-route = "{route}" } }
[routes.moved]
path = "/moved/*"
redirect = { to = "/new{path}", status = 308 }
[routes.compressed]
path = "/compressed/*"
service = "web"
compression = {}
[routes.limited]
path = "/limited"
service = "web"
login = ["keys"]
limits = ["few"]
[routes.keyed]
path = "/keyed"
service = "web"
login = ["keys"]
[routes.machines]
path = "/machines"
service = "web"
login = ["machines"]
[routes.retried]
path = "/flaky/*"
service = "flaky"
[routes.small]
path = "/small"
service = "web"
request_body_max = "1KiB"
[routes.cors]
path = "/cors/*"
service = "web"
cors = { origins = ["http://page.example", "http://127.0.0.1:${upstream.page}"], methods = ["PUT"], headers = ["x-wanted"], expose = ["x-number"] }
[routes.grpc]
paths = ["/echo.Echo/*", "/grpc.health.v1.Health/*"]
service = "grpc"
grpc_web = true
cors = { origins = ["http://127.0.0.1:${upstream.page}"], methods = ["POST"], headers = ["content-type", "x-grpc-web"], expose = ["grpc-status", "grpc-message"] }
`;

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "gateway-"));
const main = async () => {
  certificates(folder);
  const upstream = await start();
  const put = await fetch(`${process.env.BOLE_ADMIN_URL}/api/gateway/document`, {
    method: "PUT",
    headers: { authorization: `Basic ${Buffer.from("bole:bolebole").toString("base64")}`, "content-type": "application/toml", "user-agent": "conformance", "sec-fetch-mode": "" },
    body: document(upstream, folder),
  });
  const told = await put.text();
  if (put.status !== 200) throw new Error(`the document is not taken: ${put.status} ${told}`);
  const [program, args, room] = programs[client];
  const env = {
    ...process.env,
    GATEWAY: process.env.BOLE_GATEWAY_URL,
    GATEWAY_TLS: process.env.BOLE_GATEWAY_TLS_URL,
    CERTIFICATES: folder,
    PAGE: `http://127.0.0.1:${upstream.page}`,
    DIRECT: `http://127.0.0.1:${upstream.http}`,
  };
  const child = spawn(program, args, { cwd: path.join(here, room ?? "."), env, stdio: "inherit" });
  return new Promise((done, failed) => child.on("error", failed).on("exit", (code) => done(code ?? 1)));
};

main()
  .catch((error) => {
    console.log(`FAIL ${client}: ${error.stack}`);
    return 1;
  })
  .then((code) => {
    fs.rmSync(folder, { recursive: true, force: true });
    process.exit(code);
  });
