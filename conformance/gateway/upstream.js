// What stands behind the gateway: an HTTP server that tells what it saw, with WebSocket echo; a gRPC server with an echo of each kind and health; and the
// server of a page that browsers load from another origin.
import http from "node:http";
import crypto from "node:crypto";
import { createRequire } from "node:module";

const packages = createRequire(`${(process.env.NODE_PATH ?? "").split(":")[0]}/`);

// 300,000 bytes that differ from place to place, and a long text.
export const blob = Buffer.alloc(300_000, 0).map((_, at) => (at * 31 + (at >> 8)) & 0xff);
const text = "a line of text that compresses well\n".repeat(2_000);

const tried = new Map();

const told = (request, body) => ({
  method: request.method,
  url: request.url,
  version: request.httpVersion,
  headers: request.headers,
  bytes: body.length,
  sha256: crypto.createHash("sha256").update(body).digest("hex"),
});

const answer = (request, response, body) => {
  const url = new URL(request.url, "http://upstream");
  if (url.pathname === "/blob") {
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
    response.setHeader("accept-ranges", "bytes");
    if (!range) {
      response.setHeader("content-length", blob.length);
      return response.end(blob);
    }
    const [first, last] = [Number(range[1]), range[2] === "" ? blob.length - 1 : Number(range[2])];
    response.writeHead(206, { "content-range": `bytes ${first}-${last}/${blob.length}`, "content-length": last + 1 - first });
    return response.end(blob.subarray(first, last + 1));
  }
  if (url.pathname === "/compressed/text") {
    response.setHeader("content-type", "text/plain");
    return response.end(text);
  }
  if (url.pathname === "/chunks") {
    // Each chunk when the one before has left.
    let left = 20;
    const next = () => (left-- > 0 ? response.write(`chunk ${left}\n`, () => setImmediate(next)) : response.end());
    return next();
  }
  if (url.pathname.startsWith("/flaky/")) {
    const times = (tried.get(url.pathname) ?? 0) + 1;
    tried.set(url.pathname, times);
    response.statusCode = times < 3 ? 503 : 200;
    response.setHeader("x-tries", times);
    return response.end(`${times}`);
  }
  const status = /^\/status\/(\d{3})$/.exec(url.pathname);
  if (status) {
    response.statusCode = Number(status[1]);
    return response.end();
  }
  if (url.pathname === "/cookies") response.setHeader("set-cookie", ["a=1; Path=/", "b=2; Path=/; HttpOnly"]);
  response.setHeader("content-type", "application/json");
  response.setHeader("x-number", "7");
  response.end(JSON.stringify(told(request, body)));
};

const listen = (server) => new Promise((ready) => server.listen(0, "127.0.0.1", () => ready(server.address().port)));

const grpcServer = async () => {
  const grpc = packages("@grpc/grpc-js");
  const bytes = { requestSerialize: (value) => value, requestDeserialize: (value) => value, responseSerialize: (value) => value, responseDeserialize: (value) => value };
  const method = (service, name, requestStream, responseStream) => ({ path: `/${service}/${name}`, requestStream, responseStream, ...bytes });
  const server = new grpc.Server();
  const echo = {
    Unary: method("echo.Echo", "Unary", false, false),
    Fail: method("echo.Echo", "Fail", false, false),
    Many: method("echo.Echo", "Many", false, true),
    Talk: method("echo.Echo", "Talk", true, true),
  };
  server.addService(echo, {
    Unary: (call, done) => {
      const trailers = new grpc.Metadata();
      trailers.set("x-trailer", "last");
      done(null, call.request, trailers);
    },
    Fail: (_, done) => done({ code: grpc.status.FAILED_PRECONDITION, details: "not today" }),
    Many: (call) => {
      for (let turn = 0; turn < 5; turn += 1) call.write(call.request);
      call.end();
    },
    Talk: (call) => call.on("data", (message) => call.write(message)).on("end", () => call.end()),
  });
  // HealthCheckResponse { status = SERVING }.
  server.addService({ Check: method("grpc.health.v1.Health", "Check", false, false) }, { Check: (_, done) => done(null, Buffer.from([8, 1])) });
  return new Promise((ready, failed) =>
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => (error ? failed(error) : ready(port))),
  );
};

export const start = async () => {
  const { WebSocketServer } = packages("ws");
  const server = http.createServer((request, response) => {
    const pieces = [];
    request.on("data", (piece) => pieces.push(piece)).on("end", () => answer(request, response, Buffer.concat(pieces)));
  });
  const sockets = new WebSocketServer({ server, handleProtocols: (names) => (names.has("echo") ? "echo" : false) });
  sockets.on("connection", (socket) => socket.on("message", (message, binary) => socket.send(message, { binary })));
  const page = http.createServer((_, response) => {
    response.setHeader("content-type", "text/html");
    response.end("<!doctype html><title>page</title>");
  });
  return { http: await listen(server), page: await listen(page), grpc: await grpcServer() };
};
