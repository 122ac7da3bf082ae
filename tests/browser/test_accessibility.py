"""Every page by axe-core, in light and dark: nothing may keep out who does not see, hear or click as others do."""

from functools import partial
from pathlib import Path

import pytest
from at_once import random_gan, random_run

pytestmark = [pytest.mark.slow, pytest.mark.browser]

AXE = Path(__file__).resolve().parents[2] / "node_modules" / "axe-core" / "axe.min.js"
FIRST = 1237658493878337900
# What is drawn over a picture (scale bar, captions) is no label of it.
NOT_OURS = "bk-spin-btn|noUi-handle|choices__item|Drag to resize|pnx-tabulator"
"""Of Bokeh (buttons of a number, handle of a slider, items of a list, tables) and of panel-material-ui (a drawer)."""
GRAVE = """async (notOurs) => {
  const rules = { 'label-content-name-mismatch': { enabled: false } }
  const { violations } = await axe.run(document, { resultTypes: ['violations'], rules })
  return violations.filter(({ impact }) => ['serious', 'critical'].includes(impact)).flatMap(({ id, nodes }) =>
    nodes.filter(({ html }) => !RegExp(notOurs).test(html)).map(({ target, html, any, all, none }) =>
      `${id}: ${target.flat(9).join(' > ')}\\n    ${html.slice(0, 200)}
    ${[...any, ...all, ...none].map(({ message }) => message).join('; ')}`))
}"""

PAGES = {
    "home": [""],
    "explore": ["", "open=run random"],
    "richness": ["tab=data", "tab=train", "tab=predictions", "tab=why", "tab=runs", "tab=labels"],
    "inpainting": ["tab=repair&run=fits&steps=3"],
    "occlusion": ["run=random"],
    "mergers": ["tab=threshold"],
    "train": ["tab=train"],
    "channels": [""],
}


@pytest.fixture(scope="module")
def server(serve, make_sky):
    """All pages over a sky, a run of predictions and one of best fits."""
    server, sky = serve(" ".join(PAGES)), make_sky(12, FIRST)
    place = sky.save(server.home / "skies" / "burned")
    random_run(server.home / "runs" / "random", sky, place)
    random_gan(server.home / "runs" / "fits", sky, place)
    return server


# Whether the titles of all cards are drawn: a drawer is built when it is opened.
TITLED = """cards => {
  const titled = (root) => root.querySelector('h3')?.textContent.trim()
    || [...root.querySelectorAll('*')].some((one) => one.shadowRoot && titled(one.shadowRoot))
  return cards.every((card) => titled(card))
}"""


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("dashboard", PAGES)
def test_no_page_keeps_anyone_out(server, open_page, dashboard, theme):
    if not AXE.is_file():
        pytest.skip(f"axe-core is not at {AXE}; `npm ci` brings it")
    for query in PAGES[dashboard]:
        driven = open_page(f"http://127.0.0.1:{server.port}/{dashboard}?theme={theme}&{query}")
        driven.page.locator(".galviz-main").wait_for()
        driven.rests()
        for name in ("drawer", "contextbar"):  # not every page has both
            opener = driven.page.get_by_role("button", name=f"Open {name}", exact=True)
            if opener.count():
                opener.click()
        for _ in range(2):  # sections can follow those that are there already
            driven.rests()
            driven.until(partial(driven.page.locator(".card-header").evaluate_all, TITLED))
        driven.page.add_script_tag(path=AXE)
        driven.until(partial(nothing_grave, driven.page), seconds=30)


def nothing_grave(page):
    """Whether axe-core finds nothing; sections that follow late are judged with the rest."""
    found = page.evaluate(GRAVE, NOT_OURS)
    if found:
        raise AssertionError("\n".join(found))
    return True
