// A page in a real browser (Chromium) that talks to the gateway: WebSocket echo, fetch across origins with a preflight, HTTP/2 over TLS with an
// authority of one's own, gRPC-Web in bytes as a client library would frame them.
import fs from "node:fs";
import crypto from "node:crypto";
import { createRequire } from "node:module";

const [packagesPath, checksPath] = process.env.NODE_PATH.split(":");
const { equal, truth, finish } = createRequire(`${checksPath}/`)("./checks.js");
const { GATEWAY: gateway, GATEWAY_TLS: secure, CERTIFICATES: certificates, PAGE: page } = process.env;
const browserPath = process.env.CHROMIUM ?? "/usr/bin/chromium";
if (!fs.existsSync(browserPath)) {
  console.log(`skipped: there is no Chromium at ${browserPath}; CHROMIUM names another place`);
  process.exit(0);
}
const { chromium } = createRequire(`${packagesPath}/`)("playwright-core");
const x509 = new crypto.X509Certificate(fs.readFileSync(`${certificates}/localhost.pem`));
const spki = crypto.createHash("sha256").update(x509.publicKey.export({ type: "spki", format: "der" })).digest("base64");
const browser = await chromium.launch({
  executablePath: browserPath,
  args: ["--no-sandbox", "--disable-features=LocalNetworkAccessChecks", `--ignore-certificate-errors-spki-list=${spki}`],
});

const run = async () => {
  const tab = await (await browser.newContext()).newPage();
  // The first visit settles that there is no client certificate to show, which a WebSocket cannot ask about.
  await tab.goto(`${secure}/a`);
  await tab.goto(page);
  const echo = (url) =>
    tab.evaluate(async (url) => {
      const socket = new WebSocket(url, ["echo"]);
      socket.binaryType = "arraybuffer";
      await new Promise((open, failed) => Object.assign(socket, { onopen: open, onerror: () => failed(new Error("no WebSocket")) }));
      const say = (message) => new Promise((got) => ((socket.onmessage = ({ data }) => got(data)), socket.send(message)));
      const text = await say("hello é");
      const long = await say("x".repeat(300_000));
      const bytes = [...new Uint8Array(await say(new Uint8Array([0, 255, 7])))];
      const closed = new Promise((got) => (socket.onclose = ({ code, wasClean }) => got([code, wasClean])));
      socket.close(1000);
      return [socket.protocol, text, long.length, bytes, await closed];
    }, url);
  const expected = ["echo", "hello é", 300_000, [0, 255, 7], [1000, true]];
  equal("WebSocket", await echo(`${gateway.replace("http", "ws")}/ws`), expected);
  equal("WebSocket over TLS", await echo(`${secure.replace("http", "ws")}/ws`), expected);

  const put = (path, headers) =>
    tab.evaluate(
      async ([url, headers]) => {
        const answer = await fetch(url, { method: "PUT", headers, body: "{}" });
        return [answer.status, (await answer.json()).method, answer.headers.get("x-number"), answer.headers.get("server")];
      },
      [`${gateway}${path}`, headers],
    ).catch((error) => (/Failed to fetch/.test(error.message) ? "refused" : error.message));
  equal("fetch with a media type that is not allowed", await put("/cors/a", { "content-type": "application/json" }), "refused");
  equal("fetch with the header that is allowed", await put("/cors/a", { "x-wanted": "1" }), [200, "PUT", "7", null]);
  equal("fetch with another header", await put("/cors/a", { "x-other": "1" }), "refused");
  equal("fetch of a route without CORS", await put("/a", {}), "refused");

  const rpc = (name, framed) =>
    tab.evaluate(
      async ([url, framed]) => {
        const answer = await fetch(url, { method: "POST", headers: { "content-type": "application/grpc-web+proto", "x-grpc-web": "1" }, body: new Uint8Array(framed) });
        const bytes = new Uint8Array(await answer.arrayBuffer());
        const frames = [];
        for (let at = 0; at < bytes.length; ) {
          const length = new DataView(bytes.buffer, at + 1, 4).getUint32(0);
          frames.push([bytes[at], new TextDecoder().decode(bytes.subarray(at + 5, at + 5 + length))]);
          at += 5 + length;
        }
        return [answer.status, answer.headers.get("grpc-status"), frames];
      },
      [`${gateway}/echo.Echo/${name}`, framed],
    );
  const message = [0, 0, 0, 0, 2, 104, 105];
  const [status, , frames] = await rpc("Unary", message);
  equal("gRPC-Web unary", [status, frames[0]], [200, [0, "hi"]]);
  truth("gRPC-Web trailers", frames[1][0] === 128 && /grpc-status: ?0/.test(frames[1][1]) && /x-trailer: ?last/.test(frames[1][1]), frames);
  const many = await rpc("Many", message);
  equal("gRPC-Web stream", many[2].slice(0, 5), Array(5).fill([0, "hi"]));
  const [, direct, failed] = await rpc("Fail", message);
  truth("gRPC-Web error", direct === "9" || /grpc-status: ?9/.test(failed.at(-1)?.[1] ?? ""), [direct, failed]);

  const answer = await tab.goto(`${secure}/a`);
  equal("a page over TLS", answer.status(), 200);
  equal("its protocol", await tab.evaluate(() => performance.getEntriesByType("navigation")[0].nextHopProtocol), "h2");
  const many2 = await tab.evaluate(async () => (await Promise.all(Array.from({ length: 50 }, async (_, n) => (await (await fetch(`/a?n=${n}`)).json()).url === `/a?n=${n}`))).every(Boolean));
  equal("50 fetches at once over HTTP/2", many2, true);
  const text = await tab.evaluate(async () => (await (await fetch("/compressed/text")).text()).length);
  equal("a compressed answer", text, 72_000);
};

await run().catch((error) => equal("chromium", error.stack, "no exception"));
await browser.close();
finish();
