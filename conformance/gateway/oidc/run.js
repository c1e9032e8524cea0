// A browser, a program and an API's client at a real gateway (BOLE_GATEWAY_URL, its API at BOLE_ADMIN_URL), with npm's oidc-provider
// as the provider: logins, sessions, refreshes that are not due, logout, and the provider's token at a route for programs.
import http from "node:http";
import path from "node:path";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const folder = path.dirname(fileURLToPath(import.meta.url));
const { equal, truth, finish } = createRequire(import.meta.url)(path.join(folder, "../../checks/checks.js"));
const gateway = process.env.BOLE_GATEWAY_URL;
const admin = process.env.BOLE_ADMIN_URL;
const packages = (process.env.NODE_PATH ?? "").split(":")[0] || path.join(folder, "node_modules");

// The service behind the gateway shows what it saw.
const service = http.createServer((request, response) => {
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify({ url: request.url, headers: request.headers }));
});
await new Promise((ready) => service.listen(0, "127.0.0.1", ready));

const provider = spawn("node", [path.join(folder, "provider.js"), gateway], {
  env: { ...process.env, OIDC_PACKAGES: packages },
  stdio: ["pipe", "pipe", "ignore"],
});
const issuer = await new Promise((found, failed) => {
  provider.on("exit", (code) => failed(new Error(`the provider ended with ${code}`)));
  createInterface({ input: provider.stdout }).on("line", (line) => line.startsWith("issuer ") && found(line.slice(7)));
});

const document = `
[services.s]
instances = ["127.0.0.1:${service.address().port}"]
[logins.web.oidc]
issuer = "${issuer}"
client_id = "gateway"
client_secret = "gateway-secret/with+signs"
scopes = ["email", "groups"]
headers = { x-email = "email", x-user = "sub" }
[logins.public.oidc]
issuer = "${issuer}"
client_id = "public"
callback = "/public/callback"
logout = "/public/logout"
cookie = "public"
[logins.bearer.jwt]
issuer = "${issuer}"
audiences = ["gateway"]
headers = { x-user = "sub" }
strip = true
[limits.each]
window = { limit = 2, period = "1h" }
key = "consumer"
[routes.web]
service = "s"
login = ["web"]
allow = ["@staff"]
[routes.nobody]
path = "/nobody"
service = "s"
login = ["web"]
allow = ["@nobody"]
[routes.public]
path = "/public/*"
service = "s"
login = ["public"]
[routes.api]
path = "/api/*"
service = "s"
login = ["bearer"]
request_headers = { set = { x-consumer = "{consumer}" } }
[routes.limited]
path = "/api/limited"
service = "s"
login = ["bearer"]
limits = ["each"]
[routes.open]
path = "/open"
service = "s"
`;

// Not by `fetch`, which says of itself that it is a script.
const ask = (method, url, { headers = {}, body } = {}) =>
  new Promise((resolve, reject) => {
    const request = http.request(url, { method, headers: { ...headers, ...(body === undefined ? {} : { "content-length": Buffer.byteLength(body) }) } });
    request.on("error", reject).on("response", (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (piece) => (text += piece));
      answer.on("end", () => resolve({ status: answer.statusCode, headers: answer.headers, text }));
    });
    request.end(body);
  });

// A jar of cookies for each host and port, redirects, forms.
class Browser {
  jar = new Map();

  cookies(url) {
    const { host } = new URL(url);
    return [...this.jar].filter(([key]) => key.startsWith(`${host} `)).map(([key, value]) => `${key.split(" ")[1]}=${value}`).join("; ");
  }

  async once(method, url, body, accept = "text/html,*/*;q=0.8") {
    const headers = { accept };
    const cookies = this.cookies(url);
    if (cookies) headers.cookie = cookies;
    if (body !== undefined) headers["content-type"] = "application/x-www-form-urlencoded";
    const answer = await ask(method, url, { headers, body });
    for (const cookie of answer.headers["set-cookie"] ?? []) {
      const [, name, value] = cookie.match(/^([^=]+)=([^;]*)/);
      const key = `${new URL(url).host} ${name}`;
      if (value === "" || /max-age=0/i.test(cookie)) this.jar.delete(key);
      else this.jar.set(key, value);
    }
    return answer;
  }

  // Follows redirects, and fills in the provider's forms, until something else is shown.
  async visit(url, login) {
    const way = [];
    let [method, body] = ["GET", undefined];
    for (let step = 0; step < 30; step += 1) {
      way.push(url);
      const answer = await this.once(method, url, body);
      [method, body] = ["GET", undefined];
      if (answer.status >= 300 && answer.status < 400) {
        url = new URL(answer.headers.location, url).href;
        continue;
      }
      const action = answer.text.match(/action="([^"]+)"/);
      if (!action) return { ...answer, way };
      url = new URL(action[1], url).href;
      method = "POST";
      const xsrf = answer.text.match(/name="xsrf" value="([^"]+)"/);
      if (answer.text.includes('name="login"')) body = `prompt=login&login=${login}&password=any`;
      else if (xsrf) body = `xsrf=${xsrf[1]}&logout=yes`;
      else body = "prompt=consent";
    }
    throw new Error(`too many steps: ${way.join("\n")}`);
  }
}

const run = async () => {
  const credentials = `Basic ${Buffer.from("bole:bolebole").toString("base64")}`;
  const headers = { authorization: credentials, "content-type": "application/toml" };
  const put = await ask("PUT", `${admin}/api/gateway/document`, { headers, body: document });
  equal("the document is taken", [put.status, JSON.parse(put.text).problems], [200, []]);

  const browser = new Browser();
  const page = await browser.visit(`${gateway}/hello?x=1`, "ann");
  equal("a browser logs in", page.status, 200);
  const seen = JSON.parse(page.text);
  equal("it comes back to where it wanted to go", seen.url, "/hello?x=1");
  equal("the service is told who", [seen.headers["x-user"], seen.headers["x-email"]], ["ann", "ann@example.com"]);
  truth("the service sees no session", !/gateway_session/.test(seen.headers.cookie ?? ""), seen.headers.cookie);
  truth("it was asked by the provider", page.way.some((url) => url.startsWith(`${issuer}/interaction`)), page.way);
  const callback = page.way.find((url) => url.includes("/.gateway/callback"));
  equal("a callback counts once", (await browser.once("GET", callback)).status, 400);

  const again = await browser.once("GET", `${gateway}/more`);
  equal("the session goes on", [again.status, JSON.parse(again.text).url], [200, "/more"]);
  const spoofed = await ask("GET", `${gateway}/more`, { headers: { cookie: browser.cookies(gateway), "x-user": "eve" } });
  equal("no client says who it is", JSON.parse(spoofed.text).headers["x-user"], "ann");
  const open = await ask("GET", `${gateway}/open`, { headers: { cookie: `${browser.cookies(gateway)}; own=1` } });
  equal("other routes see no session either", JSON.parse(open.text).headers.cookie, "own=1");
  equal("a group that it is not in", (await browser.once("GET", `${gateway}/nobody`)).status, 403);
  equal("a program is told", (await ask("GET", `${gateway}/hello`, { headers: { accept: "application/json" } })).status, 401);
  const torn = browser.cookies(gateway).replace(/=(.)/, (_, first) => `=${first === "A" ? "B" : "A"}`);
  equal("a session that was changed", (await ask("GET", `${gateway}/hello`, { headers: { cookie: torn } })).status, 401);

  const pub = await new Browser().visit(`${gateway}/public/x`, "pat");
  equal("a client without a secret", [pub.status, JSON.parse(pub.text).url], [200, "/public/x"]);

  const token = await idToken();
  const api = (target, more = {}) => ask("GET", `${gateway}${target}`, { headers: { authorization: `Bearer ${token}`, ...more } });
  const called = await api("/api/x");
  equal("the provider's token opens", called.status, 200);
  const { headers: shown } = JSON.parse(called.text);
  equal("its claims go on, it does not", [shown["x-user"], shown["x-consumer"], shown.authorization], ["ann", "ann", undefined]);
  const bad = `${token.slice(0, -6)}AAAAAA`;
  equal("a token that was changed", (await api("/api/x", { authorization: `Bearer ${bad}` })).status, 401);
  equal("no token", (await ask("GET", `${gateway}/api/x`)).status, 401);
  const limited = [];
  for (let count = 0; count < 3; count += 1) limited.push((await api("/api/limited")).status);
  equal("a limit by consumer", limited, [200, 200, 429]);

  const out = await browser.visit(`${gateway}/.gateway/logout`, "eve");
  truth("logout goes by the provider", out.way.some((url) => url.includes("/session/end")), out.way);
  equal("the next visit is somebody else's", JSON.parse(out.text).headers["x-user"], "eve");
};

// An id token for the gateway, as a program with the client's secret gets it: the code flow with PKCE, done by hand. The code is
// caught on its way to the gateway.
const idToken = async () => {
  const browser = new Browser();
  const verifier = "a-verifier-of-at-least-forty-three-characters-0123456789";
  const { createHash } = await import("node:crypto");
  const challenge = createHash("sha256").update(verifier).digest("base64url");
  const redirect = `${gateway}/.gateway/callback`;
  const query = new URLSearchParams({
    client_id: "gateway", response_type: "code", scope: "openid", redirect_uri: redirect, code_challenge: challenge,
    code_challenge_method: "S256", state: "s", nonce: "n",
  });
  const { way } = await browser.visit(`${issuer}/auth?${query}`, "ann");
  const code = new URL(way.find((url) => url.startsWith(redirect))).searchParams.get("code");
  const secret = Buffer.from(`gateway:${encodeURIComponent("gateway-secret/with+signs")}`).toString("base64");
  const answer = await ask("POST", `${issuer}/token`, {
    headers: { authorization: `Basic ${secret}`, "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ grant_type: "authorization_code", code, redirect_uri: redirect, code_verifier: verifier }).toString(),
  });
  return JSON.parse(answer.text).id_token;
};

try {
  await run();
} catch (error) {
  truth(`the run: ${error.stack}`, false, error.message);
}
provider.removeAllListeners("exit");
provider.stdin.end();
service.close();
service.closeAllConnections();
finish();
