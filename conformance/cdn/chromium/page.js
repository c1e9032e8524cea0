// A page with images and a video in Chromium, through an edge and a shield: the second browser gets all of it from the edge. `page.js` has the origin
// (BOLE_ORIGIN_PORT) and asks the edge (BOLE_EDGE_URL); SCREENSHOT is a file to be written. Exits with 0 only when every check passed.
const http = require('http');
const { chromium } = require('playwright-core');

const edge = process.env.BOLE_EDGE_URL;
const program = require('child_process').execFileSync('which', [process.env.BOLE_CHROMIUM || 'chromium']).toString().trim();
let checks = 0;
let failed = 0;
function check(name, holds, seen) {
  checks += 1;
  if (!holds) {
    failed += 1;
    console.log(`FAILED ${name}: ${JSON.stringify(seen)}`);
  }
}

const PAGE = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Postcards</title><link rel="stylesheet" href="/style.css"></head>
<body><h1>Postcards</h1>
<figure><img src="/images/1.png" alt="dawn"><img src="/images/2.png" alt="noon"><img src="/images/3.png" alt="dusk"></figure>
<video src="/video.webm" muted autoplay loop width="320" height="180"></video>
<table id="served"></table>
<script src="/script.js"></script></body></html>`;
const STYLE = `body { font: 15px sans-serif; margin: 1.5em; width: 1000px } img { width: 320px; height: 180px; margin-right: 8px }
figure { margin: 0 0 8px } td { padding: 2px 1.5em 2px 0 } video { float: right }`;
const SCRIPT = `document.title += ' (ready)';`;

// Draws what the page shows, and records it, in the browser itself: so no file of pictures is kept here.
async function drawn(browser) {
  const page = await browser.newPage();
  const made = await page.evaluate(async () => {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [320, 180];
    const brush = canvas.getContext('2d');
    const paint = (hue, at) => {
      const sky = brush.createLinearGradient(0, 0, 0, 180);
      sky.addColorStop(0, `hsl(${hue} 70% 55%)`);
      sky.addColorStop(1, `hsl(${hue + 40} 80% 80%)`);
      brush.fillStyle = sky;
      brush.fillRect(0, 0, 320, 180);
      brush.fillStyle = `hsl(${hue + 20} 90% 65%)`;
      brush.beginPath();
      brush.arc(40 + at * 240, 120 - Math.sin(at * Math.PI) * 80, 24, 0, 7);
      brush.fill();
      brush.fillStyle = `hsl(${hue + 120} 40% 30%)`;
      brush.beginPath();
      brush.moveTo(0, 180);
      for (let x = 0; x <= 320; x += 20) brush.lineTo(x, 140 + 18 * Math.sin(x / 37 + hue));
      brush.lineTo(320, 180);
      brush.fill();
    };
    const images = [20, 200, 280].map((hue, place) => {
      paint(hue, 0.2 + place * 0.3);
      return canvas.toDataURL('image/png').split(',')[1];
    });
    [canvas.width, canvas.height] = [640, 360];
    brush.scale(2, 2);
    paint(200, 0.4);
    const photo = canvas.toDataURL('image/jpeg', 0.95).split(',')[1];
    [canvas.width, canvas.height] = [320, 180];
    const recorder = new MediaRecorder(canvas.captureStream(25), { mimeType: 'video/webm' });
    const parts = [];
    recorder.ondataavailable = (event) => parts.push(event.data);
    const ended = new Promise((end) => (recorder.onstop = end));
    recorder.start();
    for (let frame = 0; frame < 50; frame += 1) {
      paint(20 + frame * 5, frame / 50);
      await new Promise((next) => setTimeout(next, 40));
    }
    recorder.stop();
    await ended;
    const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
    let text = '';
    for (const byte of bytes) text += String.fromCharCode(byte);
    return { images, photo, video: btoa(text) };
  });
  await page.close();
  return {
    images: made.images.map((image) => Buffer.from(image, 'base64')),
    photo: Buffer.from(made.photo, 'base64'),
    video: Buffer.from(made.video, 'base64'),
  };
}

// The origin: answers hold for an hour, and parts can be asked for.
function origin({ images, photo, video }) {
  const files = {
    '/': ['text/html; charset=utf-8', Buffer.from(PAGE)],
    '/style.css': ['text/css', Buffer.from(STYLE)],
    '/script.js': ['text/javascript', Buffer.from(SCRIPT)],
    '/video.webm': ['video/webm', video],
    '/photo.jpg': ['image/jpeg', photo],
    '/favicon.ico': ['image/png', images[0]],
  };
  images.forEach((image, place) => (files[`/images/${place + 1}.png`] = ['image/png', image]));
  const asked = [];
  const server = http.createServer((request, response) => {
    asked.push(request.url);
    const file = files[request.url];
    if (!file) return response.writeHead(404, { 'cache-control': 'no-store' }).end();
    const [type, whole] = file;
    const head = {
      'content-type': type, 'cache-control': 'public, max-age=3600', etag: `"${whole.length}"`, 'accept-ranges': 'bytes', 'cache-tag': 'postcards',
    };
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range || '');
    if (!range) return response.writeHead(200, { ...head, 'content-length': whole.length }).end(whole);
    const [first, last] = [Number(range[1]), Math.min(Number(range[2] || Infinity), whole.length - 1)];
    if (first > last) return response.writeHead(416, { 'content-range': `bytes */${whole.length}` }).end();
    response.writeHead(206, { ...head, 'content-range': `bytes ${first}-${last}/${whole.length}`, 'content-length': last - first + 1 });
    response.end(whole.subarray(first, last + 1));
  });
  return new Promise((ready) => server.listen(Number(process.env.BOLE_ORIGIN_PORT), '127.0.0.1', () => ready({ server, asked })));
}

// One visit in a browser that has seen nothing: what was answered by whom.
async function visit(browser, screenshot) {
  const context = await browser.newContext({ viewport: { width: 1050, height: 640 } });
  const page = await context.newPage();
  const served = [];
  page.on('response', (response) => {
    const path = new URL(response.url()).pathname;
    if (path !== '/favicon.ico') served.push({ path, status: response.status(), cache: response.headers()['cache-status'] || '' });
  });
  await page.goto(edge, { waitUntil: 'load' });
  await page.waitForFunction(() => document.querySelector('video').currentTime > 0.3, null, { timeout: 20_000 });
  const shown = await page.evaluate(() => ({
    images: [...document.images].map((image) => image.complete && image.naturalWidth),
    video: document.querySelector('video').videoWidth,
    title: document.title,
  }));
  if (screenshot) {
    await page.evaluate((rows) => {
      const table = document.getElementById('served');
      for (const { path, status, cache } of rows) {
        const row = table.insertRow();
        for (const text of [path, status, cache]) row.insertCell().textContent = text;
      }
    }, served);
    await page.screenshot({ path: screenshot });
  }
  await context.close();
  return { served, shown };
}

// A photograph in each format that the edge makes of it, as the browser decodes it: format, size, and how far its pixels are from those of the original.
async function formats(browser) {
  // AVIF takes its time: until it is made, another format stands in for it, which a browser would keep.
  const wished = { headers: { accept: 'image/avif' } };
  for (let tries = 0; tries < 60; tries += 1) {
    if ((await fetch(`${edge}/photo.jpg?width=256`, wished)).headers.get('content-type') === 'image/avif') break;
    await new Promise((next) => setTimeout(next, 500));
  }
  const page = await browser.newPage();
  await page.goto(edge, { waitUntil: 'load' });
  const seen = await page.evaluate(async () => {
    const pixels = async (accept, query) => {
      // The browser's own cache is left out: it answers with what it has of another format.
      const response = await fetch(`/photo.jpg${query}`, { headers: { accept }, cache: 'no-store' });
      const blob = await response.blob();
      const bitmap = await createImageBitmap(blob);
      const canvas = new OffscreenCanvas(256, 144);
      const brush = canvas.getContext('2d');
      brush.drawImage(bitmap, 0, 0, 256, 144);
      const { data } = brush.getImageData(0, 0, 256, 144);
      return { type: blob.type, bytes: blob.size, width: bitmap.width, height: bitmap.height, data };
    };
    const whole = await pixels('*/*', '');
    const seen = {};
    for (const name of ['avif', 'webp', 'jpeg']) {
      const { data, ...told } = await pixels(`image/${name}`, '?width=256');
      seen[name] = { ...told, distance: data.reduce((sum, value, at) => sum + Math.abs(value - whole.data[at]), 0) / data.length };
    }
    return seen;
  });
  await page.close();
  return seen;
}

async function main() {
  const browser = await chromium.launch({ executablePath: program, args: ['--no-sandbox', '--autoplay-policy=no-user-gesture-required'] });
  const media = await drawn(browser);
  const { server, asked } = await origin(media);
  const paths = ['/', '/style.css', '/images/1.png', '/images/2.png', '/images/3.png', '/script.js', '/video.webm'];

  const first = await visit(browser);
  const before = asked.length;
  const second = await visit(browser, process.env.SCREENSHOT);
  for (const [name, { served, shown }] of Object.entries({ first, second })) {
    check(`${name}: all was loaded`, paths.every((path) => served.some((one) => one.path === path)), served);
    check(`${name}: nothing failed`, served.every((one) => [200, 206].includes(one.status)), served);
    check(`${name}: the images are shown`, shown.images.every((width) => width === 320), shown);
    check(`${name}: the video plays`, shown.video === 320, shown);
    check(`${name}: the script ran`, shown.title === 'Postcards (ready)', shown);
  }
  for (const path of paths) {
    const of = (visit) => visit.served.filter((one) => one.path === path);
    check(`${path}: the first time it was fetched`, of(first)[0].cache.includes('fwd=uri-miss'), of(first));
    check(`${path}: the second time the edge had it`, of(second).every((one) => /; hit\b/.test(one.cache)), of(second));
    // Chromium asks for parts of a video, more than once; the cache asks for whole slices.
    check(`${path}: the origin was asked once`, asked.filter((url) => url === path).length === 1, asked);
  }
  check('the video came in parts', second.served.some((one) => one.path === '/video.webm' && one.status === 206), second.served);
  check('the second visit asked the origin for nothing', asked.slice(before).every((url) => url === '/favicon.ico'), asked.slice(before));
  for (const [name, one] of Object.entries(await formats(browser))) {
    check(`a photograph as ${name}`, one.type === `image/${name}` && one.width === 256 && one.height === 144 && one.distance < 4, one);
    console.log(`${name}: ${one.bytes} bytes, ${one.distance.toFixed(2)} from the original on the mean`);
  }
  console.log(`${checks - failed} checks passed, ${failed} failed; video of ${media.video.length} bytes, the origin was asked ${asked.length} times`);
  await browser.close();
  server.close();
  process.exit(failed ? 1 : 0);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
