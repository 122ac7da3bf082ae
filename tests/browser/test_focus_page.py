"""The picture in focus in Chromium: pixels as figures draw them, coordinates as astropy computes them."""

import io
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.wcs.utils import skycoord_to_pixel
from million import BANDS, burned_sky, read_id
from pages import opened, serving
from PIL import Image
from playwright.sync_api import expect

from galviz.sky.aperture import aperture_fluxes
from galviz.sky.cutouts import CutoutSet
from galviz.tools.display import Stretch, shown_limits
from galviz.tools.gallery.figure import contact_sheet
from galviz.tools.viewer.figure import contours

pytestmark = [pytest.mark.slow, pytest.mark.browser]

ROWS, SIZE = 12, 32
SCRIPT = """
import ast
import panel as pn
from test_focus_page import starred_sky
from galviz.tools.selection.core import Selection
from galviz.tools.viewer.view import FocusView
from galviz.tools.gallery.view import Gallery

pn.extension()
sky = starred_sky()
gallery = Gallery(sky, height=300)
view = FocusView(sky, gallery.selection, stretch_view=gallery.stretch_view, height=384)
recipe = pn.widgets.TextInput(label="Recipe")
recipe.param.watch(lambda event: gallery.stretch_view.param.update(**ast.literal_eval(event.new)), "value")
pn.Row(pn.Column(recipe, gallery, width=700), pn.Column(view, width=600)).servable()
"""
PANE = """
import panel as pn
from test_focus_page import starred_sky
from galviz.tools.selection.core import Selection
from galviz.tools.viewer.view import FocusView

pn.extension()
view = FocusView(starred_sky(), Selection(), picture="r")
pn.Column(view.pane(), sizing_mode="stretch_both", styles={"height": "90vh"}).servable()
"""
PIXELS = """canvas => ({ data: [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data],
  id: canvas.closest('.galviz-focus').querySelector('.id').textContent })"""

ALL = """root => ({ id: root.querySelector('.id').textContent,
 pictures: [...root.querySelectorAll('.picture')].map((p) => {
  const canvas = p.querySelector('canvas'), at = p.querySelector('.frame').getBoundingClientRect();
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  return { title: p.querySelector('.title').innerText.split(' ')[0], label: canvas.getAttribute('aria-label'),
    data: [...data].filter((_, k) => k % 4 === 1), limits: p.querySelector('.scale').title, x: at.x, y: at.y,
    bar: p.querySelector('svg text')?.textContent, arrows: p.querySelectorAll('svg text').length, width: at.width,
    ticks: [...p.querySelectorAll('.scale span')].map((span) => span.textContent) }; }) })"""


def starred_sky():
    """A few objects with turned and mirrored coordinates, sources, and a strip that was not observed."""
    plain, rng = burned_sky(ROWS, SIZE), np.random.default_rng(4)
    images, ids = plain.images[:], plain.catalogue.index
    coverage = np.ones(images.shape, dtype=bool)
    coverage[:, :, :, -3:] = False
    images[~coverage] = 0
    angle, flip = rng.uniform(0, 2 * np.pi, ROWS), rng.choice([-1, 1], ROWS)
    scale = 0.396 / 3600
    wcs = {"crval1": np.r_[0.0001, 359.9999, rng.uniform(0, 360, ROWS - 2)], "crval2": rng.uniform(-85, 85, ROWS)}
    wcs |= {"crpix1": rng.uniform(10, 20, ROWS), "crpix2": rng.uniform(10, 20, ROWS)}
    wcs |= {"cd1_1": flip * scale * np.cos(angle), "cd1_2": scale * np.sin(angle)}
    wcs |= {"cd2_1": -flip * scale * np.sin(angle), "cd2_2": scale * np.cos(angle)}
    sources = {"object_id": ids[[0, 0, 1]], "x": [3.0, 20, 5], "y": [4.0, 9, 5], "kind": ["bcg", "star", "odd"]}
    return CutoutSet(
        images=images,
        coverage=coverage,
        bands=BANDS,
        catalogue=plain.catalogue,
        pixel_scale=0.396,
        unit="nanomaggy",
        wcs=pd.DataFrame(wcs, index=ids),
        sources=pd.DataFrame(sources),
    )


@pytest.fixture(scope="module")
def page(chromium, tmp_path_factory):
    folder = tmp_path_factory.mktemp("focus")
    with (
        serving(folder, f"import sys; sys.path.append({str(Path(__file__).parent)!r})\n{SCRIPT}") as url,
        opened(chromium, url, ".galviz-focus canvas") as page,
    ):
        yield page


def focus(page, row):
    """Click a tile; the id of what is then in focus."""
    object_id = starred_sky().catalogue.index[row]
    page.locator(f".galviz-gallery .cell[data-id='{object_id}']").click()
    page.locator(".galviz-focus .id", has_text=object_id).wait_for()
    return object_id


def shown(page):
    got = page.locator(".galviz-focus .frame canvas").evaluate(PIXELS)
    return np.reshape(got["data"], (SIZE, SIZE, 4)), got["id"]


@pytest.mark.parametrize(
    ("recipe", "look"),
    [
        ({}, {"bands": ("i", "r", "g")}),
        ({"gamma": 0.5, "brightness": 3.0}, {"bands": ("i", "r", "g"), "gamma": 0.5, "brightness": 3.0}),
        ({"kind": "asinh", "red": "z"}, {"bands": ("z", "r", "g"), "kind": "asinh"}),
        ({"picture": "r", "kind": "asinh", "softening": 0.03}, {"bands": ("r",), "kind": "asinh", "a": 0.03}),
        (
            {"picture": "u", "kind": "zscale", "palette": "viridis"},
            {"bands": ("u",), "kind": "zscale", "palette": "viridis"},
        ),
        (
            {"picture": "z", "kind": "percentile", "percentile": 95},
            {"bands": ("z",), "kind": "percentile", "percentile": 95},
        ),
        (
            {"picture": "g", "kind": "linear", "black": -0.01, "white": 0.4},
            {"bands": ("g",), "kind": "linear", "limits": (-0.01, 0.4)},
        ),
    ],
)
def test_the_browser_draws_what_figures_draw(page, recipe, look):
    look = Stretch(**look)
    first = {
        "picture": "RGB",
        "kind": "lupton",
        "red": "i",
        "gamma": 1.0,
        "brightness": 1.0,
        "softening": 0.1,
        "palette": "grey",
        "percentile": 99.5,
    }
    object_id = focus(page, 3)
    box = page.get_by_label("Recipe")
    box.fill(str(first | {"black": None, "white": None} | recipe))
    box.press("Enter")
    sky = starred_sky()
    row = sky.row_of([object_id])
    sheet = contact_sheet(sky.images[row], sky.coverage[row], BANDS, look, side=SIZE)
    expected = np.asarray(Image.open(io.BytesIO(sheet.png)).convert("RGBA")).astype(int)
    for _ in range(60):
        pixels, seen_id = shown(page)
        missing = expected[..., 3] == 0
        difference = np.abs(pixels - expected)[~missing].max()
        if difference <= 3:
            break
        time.sleep(0.1)
    assert seen_id == object_id
    assert difference <= 3
    np.testing.assert_array_equal(pixels[..., 3] == 0, missing)
    shown_text = page.locator(".galviz-focus .what").inner_text()
    assert "hatched: not observed" in shown_text
    assert look.bands[0] in shown_text


def test_coordinates_under_the_pointer_are_those_of_astropy(page):
    sky, rng = starred_sky(), np.random.default_rng(8)
    for row in range(ROWS):
        wcs = sky.wcs_of(focus(page, row))
        time.sleep(0.1)
        frame = page.locator(".galviz-focus .frame").bounding_box()
        size = frame["width"] / SIZE
        for x, y in rng.uniform(1, SIZE - 2, (3, 2)):
            at = frame["x"] + (x + 0.5) * size, frame["y"] + frame["height"] - (y + 0.5) * size
            page.mouse.move(*at)
            shown_text = page.locator(".galviz-focus .under-pointer").inner_text()
            words = shown_text.split()
            assert (float(words[1]), float(words[3])) == (pytest.approx(x, abs=0.06), pytest.approx(y, abs=0.06))
            expected = wcs.pixel_to_world(x, y)
            text = SkyCoord(words[5], words[7].replace("−", "-"), unit=("hourangle", "deg"))
            number = SkyCoord(float(words[8]), float(words[9]), unit="deg")
            assert expected.separation(text).arcsec < 0.15
            assert expected.separation(number).arcsec < 0.15
            value = sky.images[row][2, round(y), round(x)]
            wanted = "not observed" if round(x) >= SIZE - 3 else f"{value:.4g}"
            given = shown_text.splitlines()[1].split("  ")[2].removeprefix("r ")
            assert given == wanted or float(given) == pytest.approx(value, rel=1e-3)
            here = skycoord_to_pixel(expected, wcs)
            north = skycoord_to_pixel(expected.directional_offset_by(0 * u.deg, 1 * u.arcsec), wcs)
            arrow = compass(page, "N")
            turn = np.array(north) - np.array(here)
            assert np.dot(turn / np.hypot(*turn), arrow) > 0.999


def compass(page, name):
    """Direction of an arrow, x right and y up, of length 1."""
    find = """(svg, name) => { const text = [...svg.querySelectorAll('text')].find((t) => t.textContent === name);
      const room = svg.viewBox.baseVal.width;
      return [text.getAttribute('x') - (room - 58), 58 - text.getAttribute('y')]; }"""
    way = np.array(page.locator(".galviz-focus .frame svg").evaluate(find, name))
    return way / np.hypot(*way)


def test_blink_sources_and_keys(page):
    focus(page, 0)
    pressed = page.locator(".galviz-focus button[aria-pressed=true]")
    page.locator(".galviz-focus .frame").focus()
    page.keyboard.press("b")
    seen = set()
    for _ in range(30):
        seen.add(pressed.first.inner_text())
        if seen >= set(BANDS[:4]):
            break
        time.sleep(0.12)
    page.keyboard.press("b")
    assert seen >= set(BANDS[:4])
    legend = page.locator(".galviz-focus .legend").inner_text()
    assert "central galaxy (1)" in legend
    assert "star (1)" in legend
    marks = page.locator(".galviz-focus .frame svg path[transform]")
    assert marks.count() == 0
    page.locator(".galviz-focus button", has_text="sources").click()
    assert marks.count() == 4  # two sources, each with a dark rim
    page.locator(".galviz-focus button", has_text="sources").click()
    assert marks.count() == 0
    focus(page, 1)
    assert "odd (1)" in page.locator(".galviz-focus .legend").inner_text()


def every_picture(page):
    """What is seen with all bands: each picture must bear the id that is said above it."""
    seen = page.locator(".galviz-focus").evaluate(ALL)
    for picture in seen["pictures"]:
        assert read_id(np.reshape(picture["data"], (SIZE, SIZE))) == seen["id"]
        assert picture["label"].startswith(f"{seen['id']}, ")
    return seen


def shows(page, *titles, object_id=None, shown_text=""):
    """Wait until these pictures are seen, of an object, and the last is named so; what is seen."""
    for _ in range(100):
        seen = every_picture(page)
        there = [picture["title"] for picture in seen["pictures"]] == [*titles] and object_id in (None, seen["id"])
        if there and shown_text in seen["pictures"][-1]["label"]:
            return seen
        time.sleep(0.03)
    raise AssertionError(f"expected {titles} of {object_id}, got {[p['title'] for p in seen['pictures']]} {seen['id']}")


def set_recipe(page, **recipe):
    box = page.get_by_label("Recipe")
    box.fill(
        str({"kind": "lupton", "red": "i", "gamma": 1.0, "palette": "grey", "black": None, "white": None} | recipe)
    )
    box.press("Enter")


@pytest.fixture
def all_bands(page):
    set_recipe(page, picture="all bands")
    page.locator(".galviz-focus .all .picture").nth(5).wait_for()
    return page


def test_every_picture_bears_the_id_said_after_steps_clicks_and_typed_ids(all_bands):
    page, rng = all_bands, np.random.default_rng(6)
    ids = list(starred_sky().catalogue.index)
    row = ids.index(focus(page, 2))
    for _ in range(60):
        match rng.integers(5):
            case 0 | 1 as by:
                page.get_by_role("button", name=["Next ▶", "◀ Previous"][by]).click()
                row = (row + 1 - 2 * by) % ROWS
            case 2:
                row = int(rng.integers(ROWS))
                page.get_by_label("Go to object_id").fill(f" {ids[row]} ")
                page.keyboard.press("Enter")
            case 3:
                row = int(rng.integers(ROWS))
                focus(page, row)
            case 4:
                name = str(rng.choice(["RGB", *BANDS]))
                page.get_by_role("button", name="show large").nth(["RGB", *BANDS].index(name)).click()
                shows(page, name)
                page.keyboard.press("a")
        shows(page, "RGB", *BANDS, object_id=ids[row])
        assert page.locator(".galviz-focus .place").inner_text() == f"{row + 1} of {ROWS}"


def test_an_unknown_id_is_said_to_be_so(all_bands):
    page = all_bands
    object_id = focus(page, 5)
    page.get_by_label("Go to object_id").fill("<b>nobody")
    page.keyboard.press("Enter")
    shown_text = page.locator(".galviz-focus [role=alert]", has_text="<b>nobody is not among these 12 objects.")
    shown_text.wait_for()
    assert every_picture(page)["id"] == object_id
    page.get_by_role("button", name="Next ▶").click()
    shows(page, "RGB", *BANDS, object_id=starred_sky().catalogue.index[6])
    assert shown_text.count() == 0


@pytest.mark.parametrize("kind", ["lupton", "zscale", "linear"])
def test_values_limits_and_marks_of_every_band_are_its_own(all_bands, kind):
    page, sky, rng = all_bands, starred_sky(), np.random.default_rng(3)
    set_recipe(page, picture="all bands", kind=kind)
    object_id = focus(page, 0)
    look = Stretch(bands=("r",), kind=kind)
    how = kind.replace("lupton", "asinh")
    seen = shows(page, "RGB", *BANDS, object_id=object_id, shown_text=f"{object_id}, band z · {how}")
    assert seen["pictures"][0]["label"] == f"{object_id}, red i, green r, blue g · {kind}"
    images, covered = sky.images[0], sky.coverage[0]
    for k, (band, picture) in enumerate(zip(BANDS, seen["pictures"][1:], strict=True)):
        limits = shown_limits(images[k], look, covered[k])
        words = picture["limits"].replace(",", "").split()
        assert [float(words[1]), float(words[3])] == pytest.approx(limits, rel=1e-3)
        assert [float(picture["ticks"][0]), float(picture["ticks"][2])] == pytest.approx(limits, rel=1e-3)
        assert picture["ticks"][1] == "nanomaggy"
        assert (picture["bar"], picture["arrows"]) == ("5″", 1)
        for x, y in rng.integers(0, SIZE, (4, 2)):
            size = picture["width"] / SIZE
            page.mouse.move(picture["x"] + (x + 0.5) * size, picture["y"] + (SIZE - y - 0.5) * size)
            shown_text = page.locator(".galviz-focus .under-pointer")
            words = shown_text.inner_text().split()
            assert (float(words[1]), float(words[3])) == (pytest.approx(x, abs=0.06), pytest.approx(y, abs=0.06))
            assert words[4] == "RA"
            name, value = shown_text.locator("b").inner_text().split(" ", 1)
            assert name == band
            if x >= SIZE - 3:
                assert value == "not observed"
            else:
                assert float(value) == pytest.approx(images[k, y, x], rel=1e-3)
    assert seen["pictures"][0]["arrows"] == 3  # the scale bar's length, N and E
    page.locator(".galviz-focus button", has_text="sources").click()
    assert page.locator(".galviz-focus .frame svg path[transform]").count() == 24  # two sources with a rim, six times
    page.locator(".galviz-focus button", has_text="sources").click()


def test_a_picture_is_made_large_by_click_or_key_and_the_controls_know(all_bands):
    page = all_bands
    focus(page, 1)
    chosen = page.get_by_label("Picture", exact=True).element_handle()
    page.get_by_role("button", name="band z").click()
    shows(page, "z")
    page.wait_for_function("select => select.value === 'z'", arg=chosen)
    page.get_by_role("button", name="all bands", exact=True).click()
    shows(page, "RGB", *BANDS)
    page.wait_for_function("select => select.value === 'all bands'", arg=chosen)
    page.locator(".galviz-focus .tools button").last.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    shows(page, "u")
    page.keyboard.press("a")
    shows(page, "RGB", *BANDS)


def test_pictures_wrap_to_the_width_that_there_is(all_bands):
    seen = every_picture(all_bands)
    room = all_bands.locator(".galviz-focus").bounding_box()
    for picture in seen["pictures"]:
        assert room["x"] - 1 <= picture["x"]
        assert picture["x"] + picture["width"] <= room["x"] + room["width"] + 1
    assert len({round(picture["y"]) for picture in seen["pictures"]}) == 2


# ---- in a pane


@pytest.fixture(scope="module")
def pane_page(chromium, tmp_path_factory):
    script = f"import sys; sys.path.append({str(Path(__file__).parent)!r})\n{PANE}"
    with (
        serving(tmp_path_factory.mktemp("pane"), script) as url,
        opened(chromium, url, ".galviz-focus.fill canvas", width=900) as page,
    ):
        yield page


@pytest.fixture
def pane(pane_page):
    """The page of a pane, at its first object, in the band r, as it was opened."""
    pane_page.mouse.move(0, 0)
    viewer, first = pane_page.locator(".galviz-focus"), starred_sky().catalogue.index[0]
    pane_page.get_by_label("Go to object_id").fill(first)
    pane_page.keyboard.press("Enter")
    viewer.locator(".id", has_text=first).wait_for()
    pane_page.get_by_label("Contours of a band").select_option("")
    for button in viewer.locator(".tools > button[aria-pressed=true]").all():
        button.click()
    viewer.get_by_role("button", name="r", exact=True).click()
    viewer.get_by_role("button", name="reset").click()
    viewer.locator(".frame").focus()
    drawn(pane_page)
    return pane_page


def drawn(page):
    """Wait until what was requested of the screen is drawn."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def under_pointer(page):
    """x, y, RA and Dec (degrees), as they are written."""
    drawn(page)
    words = page.locator(".galviz-focus .under-pointer").inner_text().split()
    return tuple(float(words[k]) for k in (1, 3, 8, 9))


def middle(page):
    box = page.locator(".galviz-focus .frame").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(page, start, by, **options):
    page.mouse.move(*start)
    page.mouse.down(**options)
    page.mouse.move(start[0] + by[0] / 2, start[1] + by[1] / 2)
    page.mouse.move(start[0] + by[0], start[1] + by[1])
    page.mouse.up(**options)
    drawn(page)


def where(page, k=0):
    """Left, top, right and bottom of a picture, px of the screen."""
    box = page.locator(".galviz-focus .frame canvas").nth(k).bounding_box()
    return np.array([box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"]])


def whole(pane):
    """Wait until the whole picture is shown."""
    pane.keyboard.press("0")
    drawn(pane)


def test_in_a_low_pane_the_tools_and_the_fluxes_are_whole_beside_the_picture(pane):
    pane.set_viewport_size({"width": 590, "height": 440})
    pane.get_by_role("button", name="aperture").click()
    table = pane.locator(".fluxes table")
    table.wait_for()
    drawn(pane)
    viewer, frame = pane.locator(".galviz-focus"), pane.locator(".galviz-focus .frame").bounding_box()
    for part in (*viewer.locator(".tools button, .links a").all(), table):
        box = part.bounding_box()
        assert box["x"] + box["width"] <= frame["x"]
    room, box = pane.locator(".measured").bounding_box(), table.locator("tr").last.bounding_box()
    assert box["y"] + box["height"] <= room["y"] + room["height"]
    assert viewer.evaluate("e => e.scrollHeight - e.clientHeight") <= 1
    pane.set_viewport_size({"width": 900, "height": 900})


@pytest.mark.parametrize(("width", "height"), [(1200, 800), (420, 700), (900, 400)])
def test_the_picture_fills_its_pane(pane, width, height):
    pane.set_viewport_size({"width": width, "height": height})
    pane.wait_for_timeout(300)
    drawn(pane)
    viewer, frame = (pane.locator(name).bounding_box() for name in (".galviz-focus", ".galviz-focus .frame"))
    assert viewer["height"] == pytest.approx(0.9 * height, abs=30)
    beside = height == 400  # there the tools stand beside the picture
    assert frame["width"] > (0.9 * height - 1 if beside else width - 130)  # but for the colours of the band
    assert frame["height"] > viewer["height"] - (10 if beside else 190)
    left, top, right, bottom = where(pane)
    side = min(frame["width"], frame["height"])
    assert (right - left, bottom - top) == (pytest.approx(side, abs=1), pytest.approx(side, abs=1))
    assert pane.evaluate("document.documentElement.scrollHeight - innerHeight") <= 0
    pane.get_by_role("button", name="all bands").click()
    drawn(pane)
    show = pane.locator(".galviz-focus .show").evaluate("e => [e.scrollHeight - e.clientHeight, e.children.length]")
    assert show[1] == 6
    assert show[0] <= 1 or height == 400
    pane.set_viewport_size({"width": 900, "height": 900})
    pane.wait_for_timeout(300)


def test_the_wheel_enlarges_at_the_pointer_and_dragging_moves_what_is_under_it(pane):
    x, y = middle(pane)
    start = x + 60, y - 90
    pane.mouse.move(*start)
    before, place = under_pointer(pane), where(pane)
    for _ in range(5):
        pane.mouse.wheel(0, -150)
    drawn(pane)
    assert under_pointer(pane) == pytest.approx(before, abs=0.02)
    large = where(pane)
    assert large[2] - large[0] > 2.5 * (place[2] - place[0])
    drag(pane, start, (-80, 50))
    assert under_pointer(pane) == pytest.approx(before, abs=0.02)
    np.testing.assert_allclose(where(pane) - large, [-80, 50, -80, 50], atol=1)
    moved = where(pane)
    pane.get_by_role("button", name="Next ▶").click()  # the part stays, for all objects and all bands
    pane.locator(".galviz-focus .id", has_text=starred_sky().catalogue.index[1]).wait_for()
    np.testing.assert_allclose(where(pane), moved, atol=1)
    pane.get_by_role("button", name="all bands").click()
    drawn(pane)
    frames = [frame.bounding_box() for frame in pane.locator(".galviz-focus .frame").all()]
    parts = [where(pane, k) - [*[frame["x"], frame["y"]] * 2] for k, frame in enumerate(frames)]
    assert len(parts) == 6
    np.testing.assert_allclose(parts, [parts[0]] * 6, atol=1)
    assert parts[0][2] - parts[0][0] > 2.5 * frames[0]["width"]
    pane.get_by_role("button", name="band r").click()
    whole(pane)
    np.testing.assert_allclose(where(pane), place, atol=1)


def test_dragging_with_the_right_button_changes_the_contrast_and_a_double_click_undoes_it(pane):
    plain, _ = shown(pane)
    drag(pane, middle(pane), (60, -60), button="right")
    changed, _ = shown(pane)
    np.testing.assert_array_equal(changed[..., 3], plain[..., 3])  # what was not observed stays so
    assert (changed[..., :3] != plain[..., :3]).mean() > 0.2
    place = where(pane)
    pane.mouse.dblclick(*middle(pane))
    drawn(pane)
    np.testing.assert_array_equal(shown(pane)[0], plain)
    np.testing.assert_array_equal(where(pane), place)
    pane.keyboard.press("s")  # then the left button does the same, and the arrows
    drag(pane, middle(pane), (60, -60))
    np.testing.assert_array_equal(shown(pane)[0], changed)
    pane.keyboard.press("r")
    drawn(pane)
    np.testing.assert_array_equal(shown(pane)[0], plain)
    pane.keyboard.press("ArrowRight")
    drawn(pane)
    assert shown(pane)[0][..., :3].mean() < plain[..., :3].mean()  # less is bright


def test_north_is_up_and_coordinates_stay_those_of_astropy(pane):
    sky = starred_sky()
    for row in range(4):
        pane.keyboard.press("n")
        drawn(pane)
        assert pane.locator(".galviz-focus .what").inner_text().endswith("turned for display only")
        centre = middle(pane)
        read = []
        for right, down in ((0, 0), (40, 0), (0, -40)):
            pane.mouse.move(centre[0] + right, centre[1] + down)
            read.append(under_pointer(pane))
        (_, _, ra, dec), (_, _, west, _), (_, _, _, north) = read
        assert north > dec
        assert (west - ra + 180) % 360 - 180 < 0  # to the right
        for x, y, *place in read:
            expected = sky.wcs_of(sky.object_ids[row]).pixel_to_world(x, y)
            assert expected.separation(SkyCoord(*place, unit="deg")).arcsec < 0.005
        pane.keyboard.press("n")
        drawn(pane)
        assert "turned" not in pane.locator(".galviz-focus .what").inner_text()
        pane.get_by_role("button", name="Next ▶").click()
        pane.locator(".galviz-focus .id", has_text=sky.object_ids[row + 1]).wait_for()
        pane.locator(".galviz-focus .frame").focus()


def test_contours_lie_over_every_picture_and_follow_the_object(pane):
    lines = pane.locator(".galviz-focus .contour.over")
    assert lines.count() == 0
    pane.get_by_label("Contours of a band").select_option("z")
    lines.wait_for(state="attached")
    first = lines.get_attribute("d")
    row = starred_sky().row_of([starred_sky().object_ids[0]])[0]
    _, expected = contours(starred_sky().images[row][4], 5, starred_sky().coverage[row][4])
    assert first.count("M") == len(expected)
    pane.get_by_label("Number of contours").fill("2")
    pane.keyboard.press("Enter")
    _, fewer = contours(starred_sky().images[row][4], 2, starred_sky().coverage[row][4])
    expect(lines).not_to_have_attribute("d", first)
    assert lines.get_attribute("d").count("M") == len(fewer)
    second = lines.get_attribute("d")
    pane.get_by_role("button", name="Next ▶").click()
    expect(lines).not_to_have_attribute("d", second)
    pane.get_by_role("button", name="all bands").click()
    expect(lines).to_have_count(6)
    pane.get_by_label("Number of contours").fill("5")
    pane.get_by_label("Contours of a band").select_option("")
    expect(lines).to_have_count(0)


def test_a_circle_is_dragged_and_measured_in_every_band(pane):
    sky = starred_sky()
    pane.keyboard.press("p")
    sizes = {name: pane.get_by_label(name, exact=True) for name in ("centre x", "centre y", "radius", "sky from", "to")}
    cells = pane.locator(".galviz-focus .fluxes tr:nth-child(5) td")

    def numbers():
        return [float(field.input_value()) for field in sizes.values()]

    def check(row):
        x, y, radius, *ring = numbers()
        more = {"coverage": sky.coverage[row], "zero_point": 22.5}
        found = aperture_fluxes(sky.images[row], BANDS, (x, y), radius, tuple(ring), **more).loc["r"]
        flux, error = (float(part.replace("−", "-")) for part in cells.nth(0).inner_text().split(" ± "))
        assert error == pytest.approx(found["error"], rel=0.06)
        assert flux == pytest.approx(found["flux"], abs=found["error"] / 10)
        assert float(cells.nth(2).inner_text()) == pytest.approx(found["snr"], rel=0.02, abs=0.06)

    def holds(row=0):  # the fluxes follow the circle a moment later
        for _ in range(100):
            try:
                return check(row)
            except AssertionError:
                pane.wait_for_timeout(100)
        return check(row)

    cells.first.wait_for()
    assert numbers() == [15.5, 15.5, 3, 4.5, 6.6]
    holds()
    place, scale = where(pane), (where(pane)[2] - where(pane)[0]) / SIZE
    drag(pane, middle(pane), (2 * scale, -3 * scale))
    assert numbers()[:3] == pytest.approx([17.5, 18.5, 3], abs=0.05)
    np.testing.assert_array_equal(where(pane), place)  # the picture stays
    x, y = middle(pane)
    drag(pane, (x + 5 * scale, y - 3 * scale), (2 * scale, 0))
    assert numbers() == pytest.approx([17.5, 18.5, 5, 7.5, 11], abs=0.1)
    holds()
    pane.mouse.click(x - 6 * scale, y + 2 * scale)
    assert numbers() == pytest.approx([9.5, 13.5, 5, 7.5, 11], abs=0.1)
    holds()
    pane.keyboard.press("Shift+ArrowRight")  # the pixel that is read, and the aperture is placed there
    pane.keyboard.press("Enter")
    assert numbers()[0] in {10, 11}
    sizes["centre x"].fill("4")
    pane.keyboard.press("Enter")
    holds()
    assert "Not observed: u " in pane.locator(".galviz-focus .fluxes").inner_text()  # outside the image
    pane.get_by_role("button", name="Next ▶").click()
    pane.locator(".galviz-focus .id", has_text=sky.object_ids[1]).wait_for()
    holds(1)
    sizes["radius"].fill("-2")
    pane.keyboard.press("Enter")
    pane.locator(".galviz-focus .fluxes", has_text="The radius must be above 0").wait_for()
    sizes["radius"].fill("3")
    pane.keyboard.press("Enter")
    pane.locator(".galviz-focus .frame").focus()
    pane.keyboard.press("p")
    expect(pane.locator(".galviz-focus .measured")).to_be_hidden()


def test_pixel_and_coordinates_are_copied_at_full_precision(pane):
    pane.context.grant_permissions(["clipboard-read", "clipboard-write"])
    sky = starred_sky()
    before = under_pointer(pane)
    pane.keyboard.press("Shift+ArrowRight")  # to the next pixel, without a mouse
    pane.keyboard.press("c")
    pane.locator(".galviz-focus .copied", has_text="copied").wait_for()
    rows = dict(line.split("\t", 1) for line in pane.evaluate("navigator.clipboard.readText()").splitlines())
    assert rows["object_id"] == sky.object_ids[0]
    x, y = (float(value) for value in rows["x, y (pixels from 0)"].split("\t"))
    assert (x, y) == (int(before[0] + 0.5) + 1, int(before[1] + 0.5))
    assert under_pointer(pane)[:2] == (x, y)
    expected = sky.wcs_of(sky.object_ids[0]).pixel_to_world(x, y)
    place = SkyCoord(*map(float, rows["RA, Dec (deg)"].split("\t")), unit="deg")
    assert expected.separation(place).arcsec < 0.0005
    assert np.float32(rows["r (nanomaggy)"]) == pytest.approx(sky.images[0][2, int(y), int(x)], rel=1e-6)


def test_links_open_elsewhere_and_only_by_a_click(pane):
    links = pane.locator(".galviz-focus .links a").evaluate_all("all => all.map((a) => [a.href, a.target, a.rel])")
    assert len(links) == 3
    assert {tuple(rest) for _, *rest in links} == {("_blank", "noopener noreferrer")}
    assert all(href.startswith("https://") for href, *_ in links)


def test_every_control_has_a_name_and_is_reached_by_tab(pane):
    names = set()
    for _ in range(40):
        pane.keyboard.press("Tab")
        names.add(
            pane.evaluate("""() => { let at = document.activeElement
              while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement
              return at?.getAttribute('aria-label') || at?.textContent?.trim() || at?.placeholder || '' }""")
        )
    assert {"RGB", "all bands", "blink", "contrast", "north up", "sources", "aperture", "reset", "copy"} <= names
    assert {"Contours of a band", "Go to object_id", "Aladin Lite ↗"} <= names
