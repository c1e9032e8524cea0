// fetch (undici), axios, http2, ws and grpc-js with their defaults at the gateway.
import fs from "node:fs";
import http2 from "node:http2";
import https from "node:https";
import crypto from "node:crypto";
import { createRequire } from "node:module";

const [packagesPath, checksPath] = process.env.NODE_PATH.split(":");
const packages = createRequire(`${packagesPath}/`);
const { equal, among, finish } = createRequire(`${checksPath}/`)("./checks.js");
const { default: axios } = packages("axios");
const { WebSocket } = packages("ws");
const grpc = packages("@grpc/grpc-js");
const { GATEWAY: gateway, GATEWAY_TLS: secure, CERTIFICATES: certificates } = process.env;

const body = Buffer.alloc(400_000).map((_, at) => at & 0xff);
const digest = crypto.createHash("sha256").update(body).digest("hex");
const ca = fs.readFileSync(`${certificates}/ca.pem`);
const machine = { cert: fs.readFileSync(`${certificates}/machine.pem`), key: fs.readFileSync(`${certificates}/machine.key`) };

const byFetch = async () => {
  equal("fetch upload", (await (await fetch(`${gateway}/a`, { method: "PUT", body })).json()).sha256, digest);
  const stream = new Blob([body]).stream();
  equal("fetch streamed upload", (await (await fetch(`${gateway}/a`, { method: "PUT", body: stream, duplex: "half" })).json()).sha256, digest);
  const compressed = await fetch(`${gateway}/compressed/text`);
  among("fetch coding", compressed.headers.get("content-encoding"), ["gzip", "br", "zstd"]);
  equal("fetch unpacked", (await compressed.text()).length, 72_000);
  equal("fetch redirect", (await (await fetch(`${gateway}/moved/a`)).json()).url, "/new/moved/a");
  equal("fetch range", (await fetch(`${gateway}/blob`, { headers: { range: "bytes=5-14" } })).status, 206);
  equal("fetch chunks", (await (await fetch(`${gateway}/chunks`)).text()).split("\n").length, 21);
  equal("fetch key", (await fetch(`${gateway}/keyed`, { headers: { "x-api-key": "acme-secret" } })).status, 200);
  equal("fetch wrong key", (await fetch(`${gateway}/keyed`, { headers: { "x-api-key": "other" } })).status, 401);
  equal("fetch retried", await (await fetch(`${gateway}/flaky/fetch`)).text(), "3");
  equal("fetch above the limit", (await fetch(`${gateway}/small`, { method: "POST", body })).status, 413);
  const form = new FormData();
  form.set("file", new Blob([body]), "x");
  equal("fetch form", (await fetch(`${gateway}/a`, { method: "POST", body: form })).status, 200);
  const controller = new AbortController();
  const aborted = fetch(`${gateway}/blob`, { signal: controller.signal }).catch((error) => error.name);
  controller.abort();
  equal("fetch aborted", await aborted, "AbortError");
  const all = await Promise.all(Array.from({ length: 100 }, async (_, n) => (await (await fetch(`${gateway}/a?n=${n}`)).json()).url === `/a?n=${n}`));
  equal("fetch 100 at once", all.every(Boolean), true);
};

const byAxios = async () => {
  equal("axios json", (await axios.post(`${gateway}/a`, { a: 1 })).data.bytes, 7);
  equal("axios upload", (await axios.put(`${gateway}/a`, body)).data.sha256, digest);
  equal("axios unpacked", (await axios.get(`${gateway}/compressed/text`)).data.length, 72_000);
  equal("axios error", await axios.get(`${gateway}/keyed`).catch((error) => error.response.status), 401);
  equal("axios mTLS", (await axios.get(`${secure}/machines`, { httpsAgent: new https.Agent({ ca, ...machine }) })).status, 200);
};

const stream = (session, headers, sent) =>
  new Promise((done, failed) => {
    const request = session.request(headers);
    let status;
    const pieces = [];
    request.on("response", (head) => (status = head[":status"]));
    request.on("data", (piece) => pieces.push(piece)).on("end", () => done([status, Buffer.concat(pieces)])).on("error", failed);
    request.end(sent);
  });

const byHttp2 = async () => {
  for (const [name, url, options] of [["h2c", gateway, {}], ["h2", secure, { ca }]]) {
    const session = http2.connect(url, options);
    session.on("error", (error) => equal(`${name} session`, error, null));
    const [status, told] = await stream(session, { ":path": "/a", ":method": "PUT" }, body);
    equal(`${name} upload`, [status, JSON.parse(told).sha256], [200, digest]);
    const all = await Promise.all(Array.from({ length: 100 }, (_, n) => stream(session, { ":path": `/a?n=${n}` })));
    equal(`${name} 100 streams at once`, all.every(([code, text], n) => code === 200 && JSON.parse(text).url === `/a?n=${n}`), true);
    const cancelled = session.request({ ":path": "/blob" });
    cancelled.close(http2.constants.NGHTTP2_CANCEL);
    equal(`${name} goes on after a cancelled stream`, (await stream(session, { ":path": "/a" }))[0], 200);
    equal(`${name} ping`, await new Promise((done) => session.ping((error) => done(error))), null);
    session.close();
  }
};

const byWs = async () => {
  for (const [name, url, options] of [["ws", gateway, {}], ["wss", secure, { ca }]]) {
    const socket = new WebSocket(`${url.replace("http", "ws")}/ws`, ["echo"], options);
    await new Promise((open, failed) => socket.on("open", open).on("error", failed));
    equal(`${name} protocol`, socket.protocol, "echo");
    for (const message of [Buffer.from("text"), body, Buffer.alloc(0)]) {
      const echo = new Promise((got) => socket.once("message", got));
      socket.send(message);
      equal(`${name} echo of ${message.length} bytes`, Buffer.compare(await echo, message), 0);
    }
    const pong = new Promise((got) => socket.once("pong", got));
    socket.ping("p");
    equal(`${name} pong`, (await pong).toString(), "p");
    const closed = new Promise((got) => socket.once("close", (code, reason) => got([code, reason.toString()])));
    socket.close(4001, "enough");
    equal(`${name} close`, await closed, [4001, "enough"]);
  }
};

const byGrpc = async () => {
  const same = (value) => value;
  for (const [name, url, credentials] of [["grpc", gateway, grpc.credentials.createInsecure()], ["grpc TLS", secure, grpc.credentials.createSsl(ca)]]) {
    const client = new grpc.Client(new URL(url).host, credentials);
    const trailers = { got: undefined };
    const unary = (path, message) =>
      new Promise((done) => {
        const call = client.makeUnaryRequest(path, same, same, message, (error, value) => done(error ? [error.code, error.details] : value));
        call.on("status", (status) => (trailers.got = status.metadata.get("x-trailer")));
      });
    equal(`${name} unary`, Buffer.compare(await unary("/echo.Echo/Unary", body), body), 0);
    equal(`${name} trailers`, trailers.got, ["last"]);
    equal(`${name} error`, await unary("/echo.Echo/Fail", body), [9, "not today"]);
    equal(`${name} unknown method`, (await unary("/echo.Echo/None", body))[0], 12);
    equal(`${name} health`, [...(await unary("/grpc.health.v1.Health/Check", Buffer.alloc(0)))], [8, 1]);
    const many = client.makeServerStreamRequest("/echo.Echo/Many", same, same, Buffer.from("m"));
    let count = 0;
    for await (const message of many) count += message.length;
    equal(`${name} server stream`, count, 5);
    const talk = client.makeBidiStreamRequest("/echo.Echo/Talk", same, same);
    const turns = [];
    const ended = new Promise((done) => talk.on("end", done));
    talk.on("data", (message) => {
      turns.push(message.toString());
      if (turns.length < 5) talk.write(Buffer.from(`turn ${turns.length}`));
      else talk.end();
    });
    talk.write(Buffer.from("turn 0"));
    await ended;
    equal(`${name} talk`, turns, [0, 1, 2, 3, 4].map((turn) => `turn ${turn}`));
    client.close();
  }
};

for (const family of [byFetch, byAxios, byHttp2, byWs, byGrpc]) {
  await family().catch((error) => equal(family.name, error.stack, "no exception"));
}
finish();
