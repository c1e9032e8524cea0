// Walks the console in Chromium and makes each change; README.md says what is checked. BOLE_ADMIN_URL is the node's admin door, BOLE_GATEWAY_URL its gateway,
// SCREENSHOTS a folder to write pictures to. Exits with 0 only when every check passed.
const http = require('http');
const path = require('path');
const { chromium } = require('playwright-core');

const base = process.env.BOLE_ADMIN_URL;
const gateway = process.env.BOLE_GATEWAY_URL;
const program = require('child_process').execFileSync('which', [process.env.BOLE_CHROMIUM || 'chromium']).toString().trim();
const HOSTILE = '<script>document.title="taken"</script>"\'&';
const HOSTILE_KEY = '<img src=x onerror=document.title="taken">\'&';
const complaints = [];
const walked = new Set();
let checks = 0;
let failed = 0;
function check(name, holds, seen) {
  checks += 1;
  if (!holds) {
    failed += 1;
    console.log(`FAILED ${name}: ${JSON.stringify(seen)}`);
  }
}

// What a browser sees that people with other eyes and other screens would stumble over.
function judge() {
  const problems = [];
  for (const field of document.querySelectorAll('input:not([type=hidden]), select, textarea')) {
    if (!field.labels.length || !field.labels[0].textContent.trim()) problems.push(`no label: ${field.outerHTML}`);
  }
  for (const table of document.querySelectorAll('table')) {
    if (!table.caption) problems.push('a table without a caption');
    if (!table.querySelectorAll('thead th[scope=col]').length) problems.push(`no headers: ${table.caption.textContent}`);
  }
  if (document.querySelectorAll('h1').length !== 1) problems.push('not one h1');
  if (document.documentElement.lang !== 'en') problems.push('no language');
  if (document.title.startsWith('taken')) problems.push('a script of others ran');
  if (document.querySelector('script, [style], [onclick], iframe, object, embed')) problems.push('there is what should not be');
  const channels = (color) => color.match(/[\d.]+/g).map(Number);
  const light = (color) => {
    const [r, g, b] = channels(color).map((one) => one / 255).map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const [, , , alpha = 1] = channels(getComputedStyle(at).backgroundColor);
      if (alpha > 0) return getComputedStyle(at).backgroundColor;
    }
    return 'rgb(255, 255, 255)';
  };
  const seen = new Set();
  for (const element of document.querySelectorAll('body *')) {
    if (![...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim())) continue;
    if (!element.checkVisibility()) continue;
    const [ink, paper] = [getComputedStyle(element).color, ground(element)];
    const [a, b] = [light(ink), light(paper)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5 && !seen.has(ink + paper)) {
      seen.add(ink + paper);
      problems.push(`contrast ${ratio.toFixed(2)} of ${element.tagName}.${element.className}: ${element.textContent.slice(0, 30)}`);
    }
  }
  if (document.documentElement.scrollWidth > window.innerWidth) problems.push(`${document.documentElement.scrollWidth} px wide in ${window.innerWidth}`);
  return problems;
}

async function look(page, name) {
  for (const colorScheme of ['light', 'dark']) {
    for (const width of [1100, 360]) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 760 });
      const problems = await page.evaluate(judge);
      check(`${name}, ${colorScheme}, ${width} px`, problems.length === 0, problems);
    }
  }
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize({ width: 1100, height: 760 });
}

async function open(page, place) {
  const response = await page.goto(`${base}/console${place}`);
  walked.add(place.split('?')[0]);
  check(`${place} opens`, response.status() === 200, response.status());
}

// Fills a form by its labels' fields and presses its button; the page that follows must tell what was done.
async function change(page, button, fields, tells) {
  const form = page.locator('form', { has: page.getByRole('button', { name: button, exact: true, includeHidden: true }) }).last();
  const fold = form.locator('xpath=ancestor::details');
  if (await fold.count()) await fold.locator('summary').click();
  for (const [name, value] of Object.entries(fields)) {
    const field = form.locator(`[name="${name}"]`);
    if (value === true) await field.check();
    else if (value && value.file) await field.setInputFiles({ name: value.file, mimeType: 'text/plain', buffer: Buffer.from(value.text) });
    else if ((await field.evaluate((element) => element.tagName)) === 'SELECT') await field.selectOption(value);
    else await field.fill(value);
  }
  await form.getByRole('button', { name: button, exact: true }).click();
  await page.waitForLoadState();
  const note = await page.locator('.note').first().textContent({ timeout: 5000 }).catch(() => null);
  check(`"${button}" tells ${tells}`, note !== null && note.includes(tells), note === null ? await page.locator('main').textContent() : note);
}

async function picture(page, name, options = {}) {
  if (!process.env.SCREENSHOTS) return;
  await page.screenshot({ path: path.join(process.env.SCREENSHOTS, `console-${name}.png`), ...options });
}

function fetched(url) {
  return new Promise((done, refuse) => http.get(url, (answer) => answer.resume().on('end', () => done(answer.statusCode))).on('error', refuse));
}

async function logIn(page) {
  await page.goto(`${base}/console/users`);
  check('a page sends to the login', page.url().includes('/console/login?next='), page.url());
  await look(page, 'login');
  await page.getByLabel('User').fill('bole');
  await page.getByLabel('Password').fill('wrong');
  await page.getByRole('button', { name: 'Log in' }).click();
  check('a wrong password is told', (await page.locator('.alert').textContent()).includes('wrong'), page.url());
  await page.getByLabel('Password').fill('bolebole');
  await page.getByRole('button', { name: 'Log in' }).click();
  check('the login leads back', page.url() === `${base}/console/users`, page.url());
}

async function data(page) {
  await open(page, '/keyspace');
  await change(page, 'Set', { key: HOSTILE, value: HOSTILE }, 'set');
  await look(page, 'a key');
  await change(page, 'Set expiry', { seconds: '3600' }, 'expiry');
  await change(page, 'Delete the key', { sure: true }, 'deleted');
  await change(page, 'Set', { key: 'user:7', value: 'ann' }, 'set');
  await open(page, '/keyspace');
  await look(page, 'keyspace');
  await open(page, '/streams');
  await change(page, 'Create', { name: 'returns', partitions: '2' }, 'created');
  await look(page, 'topic');
  await change(page, 'Delete the topic', { sure: true }, 'deleted');
  await open(page, '/streams/records?topic=orders&partition=0');
  await look(page, 'records');
  await picture(page, 'records');
  await open(page, '/streams/groups');
  await open(page, '/streams/group?id=workers');
  await look(page, 'group');
  await change(page, 'Delete the group', { sure: true }, 'deleted');
  await open(page, '/sql');
  await look(page, 'database');
  await page.getByLabel('One statement that only reads').fill('select id, item, price from purchases order by price desc');
  await page.getByRole('button', { name: 'Run' }).click();
  check('a query has rows', (await page.locator('main').textContent()).includes('lantern'), page.url());
  await look(page, 'result');
  await picture(page, 'sql');
  await open(page, '/sql/table?database=bole&schema=public&table=purchases');
  await look(page, 'table');
}

async function objects(page) {
  await open(page, '/blobs');
  await change(page, 'Create', { name: 'photos' }, 'created');
  await change(page, 'Upload', { file: { file: 'note.txt', text: 'hello' } }, 'put into photos');
  await change(page, 'Upload', { key: `2026/${HOSTILE_KEY}`, file: { file: 'x', text: 'x' } }, 'put into photos');
  await look(page, 'bucket');
  await page.getByRole('link', { name: 'note.txt' }).click();
  await look(page, 'object');
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Download' }).click()]);
  check('a download has its name', download.suggestedFilename() === 'note.txt', download.suggestedFilename());
  await change(page, 'Delete the object', { sure: true }, 'deleted');
  await open(page, '/blobs/settings?name=photos');
  await look(page, 'settings');
  await open(page, '/blobs/damage');
  await look(page, 'damage');
  await change(page, 'Verify all large objects now', {}, 'to be verified');
  await open(page, '/blobs/bucket?name=photos&prefix=2026%2F');
  await page.locator('tbody a').first().click();
  await change(page, 'Delete the object', { sure: true }, 'deleted');
  await open(page, '/blobs/bucket?name=photos');
  await change(page, 'Delete the bucket', { sure: true }, 'deleted');
}

async function edge(page) {
  await open(page, '/gateway/part?part=routes');
  const route = { path: '/hello', reply: { status: 200, body: 'hello', headers: { 'Cache-Control': 'max-age=60' } } };
  await change(page, 'Put', { name: 'origin', object: JSON.stringify(route) }, 'put');
  await open(page, '/gateway/part?part=services');
  await change(page, 'Put', { name: 'site', object: JSON.stringify({ instances: [new URL(gateway).host] }) }, 'put');
  await open(page, '/gateway/part?part=routes');
  const cached = { path: '/site/*', service: 'site', rewrite: { strip_prefix: '/site' }, cache: {} };
  await change(page, 'Put', { name: 'cached', object: JSON.stringify(cached) }, 'put');
  for (let count = 0; count < 5; count += 1) check('the gateway answers', (await fetched(`${gateway}/site/hello`)) === 200, gateway);
  for (const part of ['routes', 'services', 'limits', 'certificates', 'logins', 'consumers']) {
    await open(page, `/gateway/part?part=${part}`);
    await look(page, part);
  }
  await open(page, '/gateway/service?name=site');
  await look(page, 'service');
  await open(page, '/gateway');
  await look(page, 'gateway');
  await page.getByLabel('URL with its host').fill('http://www.example.com/site/hello');
  await page.getByRole('button', { name: 'Explain' }).click();
  check('a route is explained', (await page.locator('.note').textContent()).includes('cached'), page.url());
  await look(page, 'explanation');
  await picture(page, 'gateway');
  await open(page, '/cdn');
  await look(page, 'cdn');
  await picture(page, 'cdn');
  await change(page, 'Purge', { kind: 'prefix', target: `${gateway}/site/` }, 'holds');
  await change(page, 'Begin', { urls: `${gateway}/site/hello` }, 'began');
  await page.getByRole('link', { name: 'Job 1' }).click();
  await look(page, 'job');
  await open(page, '/gateway/object?part=routes&name=cached');
  await look(page, 'route');
  await change(page, 'Remove', { sure: true }, 'removed');
}

async function names(page) {
  await open(page, '/dns');
  const zone = '$ORIGIN example.com.\n$TTL 60\n@ SOA ns hostmaster 1 60 60 60 60\n@ NS ns\nns A 192.0.2.1\nwww A 192.0.2.7\n';
  await change(page, 'Put', { name: 'example.com', media: 'text/dns', text: zone, dry_run: true }, 'is right');
  await change(page, 'Put', { name: 'example.com', media: 'text/dns', text: zone }, 'put');
  await look(page, 'zone');
  await open(page, '/dns');
  await look(page, 'dns');
  await page.getByLabel('Name').first().fill('www.example.com');
  await page.getByRole('button', { name: 'Explain' }).click();
  check('an answer is explained', (await page.locator('pre').textContent()).includes('192.0.2.7'), page.url());
  await look(page, 'why');
  await open(page, '/dns/zone?name=example.com');
  await change(page, 'Remove the zone', { sure: true }, 'removed');
  await open(page, '/users');
  await look(page, 'users');
  const policies = [{ name: 'keys', statements: [{ effect: 'allow', service: 'keyspace', actions: ['read'], resources: ['default/keyspace/*'] }] }];
  await change(page, 'Put', { name: 'reader', policies: JSON.stringify(policies) }, 'put');
  await change(page, 'Add', { name: 'ann', password: 'pencil-case', roles: 'reader' }, 'added');
  await open(page, '/users/user?name=ann');
  await look(page, 'user');
  await change(page, 'Disable', {}, 'disabled');
  await change(page, 'Enable', {}, 'enabled');
  await change(page, 'Set roles', { roles: 'administrator' }, 'other roles');
  await change(page, 'Set password', { password: 'another-pencil' }, 'another password');
  await change(page, 'Remove the user', { sure: true }, 'removed');
  await open(page, '/users/role?name=reader');
  await look(page, 'role');
  await change(page, 'Remove the role', { sure: true }, 'removed');
}

async function main() {
  const browser = await chromium.launch({ executablePath: program, args: ['--no-sandbox'] });
  const context = await browser.newContext({ viewport: { width: 1100, height: 760 }, acceptDownloads: true });
  const page = await context.newPage();
  page.on('console', (message) => {
    // A page that tells of an error has its status, which the browser remarks.
    const expected = /the server responded with a status of 401/.test(message.text());
    if (['error', 'warning'].includes(message.type()) && !expected) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (request) => {
    if (!request.url().startsWith(base)) complaints.push(`asked ${request.url()}`);
  });
  await logIn(page);
  await open(page, '');
  await look(page, 'overview');
  await picture(page, 'overview');
  if (process.env.SCREENSHOTS) {
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.setViewportSize({ width: 390, height: 760 });
    await picture(page, 'phone');
    await page.emulateMedia({ colorScheme: 'light' });
    await page.setViewportSize({ width: 1100, height: 760 });
  }
  await data(page);
  await objects(page);
  await edge(page);
  await names(page);
  await open(page, '');
  await page.getByRole('button', { name: 'Log out' }).click();
  await page.goto(`${base}/console/keyspace`);
  check('who has logged out is out', page.url().includes('/console/login'), page.url());
  check('the browser had nothing to complain of', complaints.length === 0, complaints);
  console.log(`${checks - failed} checks passed, ${failed} failed; ${walked.size} kinds of pages`);
  await browser.close();
  process.exit(failed ? 1 : 0);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
