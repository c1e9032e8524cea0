"""What the gateway makes of photographs, as Pillow decodes it (libavif, libwebp, libjpeg): format, size, how near the pixels are, and what it weighs.

`formats.py` has the origin (BOLE_ORIGIN_PORT) and asks the node (BOLE_GATEWAY_URL), whose route makes images.
"""

import http.server
import io
import math
import os
import threading
import time
import urllib.request

from PIL import Image, ImageChops, ImageCms, ImageDraw, ImageFilter, ImageStat, features

from checks import Checks

GATEWAY = os.environ["BOLE_GATEWAY_URL"]


def picture(width, height, seed):
    """Something like a photograph: soft hills, a sun, and grain."""
    image = Image.new("RGB", (width, height))
    draw = ImageDraw.Draw(image)
    for y in range(height):
        draw.line([(0, y), (width, y)], fill=(90 + 120 * y // height, 130 + 60 * y // height, 220 - 90 * y // height))
    draw.ellipse([width * 0.6, height * 0.1, width * 0.75, height * 0.1 + width * 0.15], fill=(250, 220, 140))
    for hill in range(4):
        line = [
            (x, height * (0.5 + hill * 0.12) + height * 0.08 * math.sin(x / width * 9 + hill * seed)) for x in range(0, width + 8, 8)
        ]
        draw.polygon([(0, height), *line, (width, height)], fill=(60 + hill * 25, 110 - hill * 20, 50 + hill * 10))
    image = image.filter(ImageFilter.GaussianBlur(1))
    grain = Image.effect_noise((width, height), 12).convert("RGB")
    return Image.blend(image, ImageChops.add(image, grain, 1, -128), 0.4)


def jpeg(image, **more):
    out = io.BytesIO()
    image.save(out, "JPEG", quality=95, **more)
    return out.getvalue()


def foreign():
    """A profile that says it is another than sRGB."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile.replace("sRGB".encode("utf-16-be"), "P3~~".encode("utf-16-be")).replace(b"sRGB", b"P3~~")


# Each making of it has the time in it.
PROFILE = foreign()


FILES = {
    "/landscape.jpg": jpeg(picture(1280, 853, 3)),
    "/odd.jpg": jpeg(picture(333, 517, 5)),
    "/small.jpg": jpeg(picture(90, 61, 7)),
    "/grey.jpg": jpeg(picture(400, 300, 2).convert("L")),
    "/profile.jpg": jpeg(picture(400, 300, 4), icc_profile=PROFILE),
}


class Origin(http.server.BaseHTTPRequestHandler):
    asked = []

    def do_GET(self):
        self.asked.append(self.path)
        body = FILES[self.path]
        self.send_response(200)
        for name, value in [("Content-Type", "image/jpeg"), ("Cache-Control", "max-age=600"), ("Content-Length", str(len(body)))]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def get(target, accept):
    request = urllib.request.Request(GATEWAY + target, headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.headers["Content-Type"], answer.read()


def settled(target, accept, wished):
    """The answer, once it is of the format that is wished: another may stand in for it while it is made."""
    deadline = time.monotonic() + 60
    while True:
        kind, body = get(target, accept)
        if kind == wished or time.monotonic() > deadline:
            return kind, body
        time.sleep(0.5)


def distance(one, other):
    difference = ImageChops.difference(one.convert("RGB"), other.convert("RGB"))
    return sum(ImageStat.Stat(difference).mean) / 3


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["BOLE_ORIGIN_PORT"])), Origin)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    checks = Checks()
    checks.true("Pillow has libavif and libwebp", features.check("avif") and features.check("webp"))
    weights = {}
    for path, width in [("/landscape.jpg", 640), ("/odd.jpg", 256), ("/small.jpg", 64), ("/grey.jpg", 256)]:
        original = Image.open(io.BytesIO(FILES[path]))
        for name in ["avif", "webp", "jpeg"]:
            kind, body = settled(f"{path}?width={width}&quality=80", f"image/{name}", f"image/{name}")
            image = Image.open(io.BytesIO(body))
            image.load()
            height = int(original.height * width / original.width + 0.5)
            checks.true(f"{path} as {name}", (kind, image.format.lower(), image.size) == (f"image/{name}", name, (width, height)), (kind, image.size))
            far = distance(image, original.resize(image.size, Image.Resampling.BICUBIC))
            checks.true(f"{path} as {name} looks like it", far < 5, far)
            weights.setdefault(name, []).append(len(body))
            print(f"{path} {width} wide as {name}: {len(body)} bytes, {far:.2f} from the original on the mean")
    for name in ["avif", "webp"]:
        checks.true(f"{name} weighs less than JPEG", weights[name][0] < weights["jpeg"][0] * 0.8, weights)
    kind, body = settled("/profile.jpg?width=256", "image/avif,image/webp", "image/webp")
    kept = Image.open(io.BytesIO(body)).info.get("icc_profile")
    checks.true("another profile is kept, as WebP", kind == "image/webp" and kept == PROFILE, kind)
    checks.true("each original was fetched once", sorted(set(Origin.asked)) == sorted(Origin.asked), Origin.asked)
    server.shutdown()
    checks.finish()


main()
