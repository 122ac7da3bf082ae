"""A server that answers as SkyServer does, with failures, and that writes down what it was asked for.

Every request is a line of ``requests.txt`` in its folder: time, what was asked for, what was done.
"""

import io
import random
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
from PIL import Image

NAMES = "objID,specObjID,ra,dec,petroR90_r,oh_p50"


def rows(low: float, high: float, count: int = 1000) -> list[str]:
    """The galaxies of a strip in right ascension, every hundredth with a second spectrum."""
    lines = []
    for k in range(count):
        ra = 360 * k / count
        if low <= ra < high:
            line = (
                f"{1237658493878337000 + k},{{}},{ra:.5f},{k % 60:.5f},{-9999 if k % 50 == 7 else 5 + k % 9},8.{k:04d}"
            )
            lines += [line.format(299489676975171584 + one) for one in range(1 + (k % 100 == 0))]
    return lines


class Handler(BaseHTTPRequestHandler):
    """Some answers are errors, time-outs, broken off, or pages that say to come back later."""

    protocol_version = "HTTP/1.1"
    failures, folder, chance = 0.05, Path(), random.Random(0)
    lock = threading.Lock()

    def do_GET(self):
        """Answer a query or a cutout."""
        address, given = urlsplit(self.path), parse_qs(urlsplit(self.path).query)
        with self.lock:
            bad = self.chance.random() < self.failures
            kind = self.chance.choice(["500", "429", "late", "broken", "page"]) if bad else "ok"
            start = "G.ra >=" if "G.ra >=" in given.get("cmd", [""])[0] else "N.distance >="
            what = given["cmd"][0].split(start)[1].split()[0] if "cmd" in given else given["ra"][0]
            with (self.folder / "requests.txt").open("a") as log:
                log.write(f"{time.time():.4f} {address.path.rsplit('/', 1)[1]} {what} {kind}\n")
        if kind == "late":
            time.sleep(2.5)
        if kind in ("500", "429"):
            more = {"Retry-After": "0"} if kind == "429" else {}
            return self.answer(int(kind), b"<html><body>Too busy</body></html>", "text/html", **more)
        if kind == "page":
            return self.answer(200, b"<html><body>Maximum 60 queries allowed per minute.</body></html>", "text/html")
        if "fGetNearbySpecObjEq" in given.get("cmd", [""])[0]:
            content, form = near(given["cmd"][0]).encode(), "text/plain"
        elif "cmd" in given:
            low, high = (float(given["cmd"][0].split(sign)[1].split()[0]) for sign in ("G.ra >=", "G.ra <"))
            content, form = "\n".join(["#Table1", NAMES, *rows(low, high), ""]).encode(), "text/plain"
        else:
            content, form = picture(given), "image/jpeg"
        return self.answer(200, content, form, cut=kind == "broken")

    def answer(self, status, content, form, *, cut=False, **more):
        """Send an answer; `cut`: only half of it."""
        self.send_response(status)
        for name, value in {"Content-Type": form, "Content-Length": len(content), **more}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if cut else content)
        self.close_connection = cut

    def log_message(self, *_):
        """Be quiet."""


class Server(ThreadingHTTPServer):
    """Says nothing when a client has gone before its answer."""

    def handle_error(self, *_):
        """Be quiet."""


SPECTRA = (
    "objID,specObjID,ra,dec,distance_arcmin,z_spec,z_spec_err,zWarning,spec_class,subClass,type,probPSF,psfMag_r,"
    "cModelMag_r,petroMag_r,modelMag_g,modelMag_r,modelMag_i,modelMag_z"
)


def near(cmd):
    """The spectra in a ring, every 0.1 arcmin one around (150, 2), of which every tenth is a star; -9999 where unknown.

    A ring without any is answered as SkyServer does, with a line of text and without a table.
    """
    ra, dec, radius = map(float, cmd.split("fGetNearbySpecObjEq(")[1].split(")")[0].split(","))
    low, high = (float(cmd.split(sign)[1].split()[0]) for sign in ("N.distance >=", "N.distance <"))
    lines = []
    for k in range(200):
        away = 0.05 + 0.1 * k
        if away > radius or not low <= away < high or (ra, dec) != (150.0, 2.0):
            continue
        star, z = k % 10 == 3, 0.0001 if k % 10 == 3 else 0.018 + 0.0002 * k
        kind = "STAR,F5,6,1" if star else "GALAXY,,3,0"
        psf = -9999 if k == 7 else 18.0 if star else 18.8
        ids = f"{1237658493878337000 + k},{299489676975171584 + k}"
        lines.append(
            f"{ids},{150 + away / 60:.6f},2,{away:.4f},{z},0.0001,0,{kind},{psf},18.0,18.05,18.7,18.0,17.7,17.5"
        )
    return "\n".join(["#Table1", SPECTRA, *lines, ""]) if lines else "No objects have been found"


def picture(given):
    """A JPEG of the size that was asked for, whose brightness is the scale."""
    width, height, scale = int(given["width"][0]), int(given["height"][0]), float(given["scale"][0])
    out = io.BytesIO()
    Image.fromarray(np.full((height, width, 3), min(int(100 * scale), 255), np.uint8)).save(out, "JPEG")
    return out.getvalue()


def started(folder, failures=0.05, seed=0):
    """A server in a thread of this process."""
    handler = type("Own", (Handler,), {"folder": folder, "failures": failures, "chance": random.Random(seed)})
    server = Server(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def requests(folder):
    """Time, service, what was asked for and what was done, of each request."""
    return [line.split() for line in (folder / "requests.txt").read_text().splitlines()]
