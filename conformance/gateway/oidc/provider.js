// An OpenID provider for tests: `node provider.js http://GATEWAY`. Listens on a free port of 127.0.0.1, prints `issuer URL`, and
// ends when its standard input does. Anybody may log in under any name, with any password.
import http from "node:http";
import { pathToFileURL } from "node:url";

// NODE_PATH is not looked at by `import`.
const room = process.env.OIDC_PACKAGES;
const found = room ? pathToFileURL(`${room}/oidc-provider/lib/index.js`).href : "oidc-provider";
const { default: Provider } = await import(found);

const gateway = process.argv[2];
const server = http.createServer();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const client = (client_id, more) => ({
    client_id,
    redirect_uris: [`${gateway}/.gateway/callback`, `${gateway}/public/callback`],
    post_logout_redirect_uris: [`${gateway}/`],
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    ...more,
  });
  const provider = new Provider(issuer, {
    clients: [
      client("gateway", { client_secret: "gateway-secret/with+signs" }),
      client("public", { token_endpoint_auth_method: "none" }),
    ],
    cookies: { keys: ["for tests only"] },
    pkce: { required: () => true },
    claims: { openid: ["sub"], email: ["email", "email_verified"], groups: ["groups"] },
    scopes: ["openid", "email", "groups"],
    findAccount: (ctx, id) => ({
      accountId: id,
      claims: () => ({ sub: id, email: `${id}@example.com`, email_verified: true, groups: ["staff"] }),
    }),
    issueRefreshToken: (ctx, client) => client.grantTypeAllowed("refresh_token"),
    rotateRefreshToken: true,
    ttl: { AccessToken: 3600, IdToken: 86400, RefreshToken: 86400, Session: 86400, Grant: 86400, Interaction: 600 },
  });
  server.on("request", provider.callback());
  console.log(`issuer ${issuer}`);
});
process.stdin.resume().on("end", () => process.exit(0));
