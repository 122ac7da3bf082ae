"""The cards of the home page, as HTML: skies, runs and studies."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlencode

import numpy as np

from galviz.io.markup import Markup
from galviz.pages.library import open_sky
from galviz.pages.page_names import page_of
from galviz.pages.runs import result
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.studies import open_study
from galviz.tools.export.download import shown_bytes
from galviz.tools.formatting import REFUSED, shown_error, shown_time
from galviz.tools.gallery.figure import picture_urls
from galviz.tools.viewer.stretch_controls import StretchView

_STRIP = 4  # pictures on a card
_SIDE = 92  # px
_TOOLS = {
    "explore": ("Explorer", "Linked plots, gallery and pictures of any table of objects, with or without images"),
    "occlusion": ("Which parts of an image matter?", "Occlusion maps of any finished run"),
}


def newest(skies: dict[str, Path]) -> list[tuple[str, Path]]:
    """Return names and folders of skies, the newest first."""
    return sorted(skies.items(), key=lambda one: (one[1] / "galviz.json").stat().st_mtime, reverse=True)


def section(title: str, cards: Sequence[Markup], nothing: str) -> Markup:
    """Return cards under a title, or what to do where there are none."""
    if not cards:
        return Markup("<h2>{}</h2><p class='lead'>{}</p>").format(title, nothing)
    items = Markup("").join(Markup("<li>{}</li>").format(card) for card in cards)
    return Markup("<h2>{}</h2><ul class='cards'>{}</ul>").format(title, items)


def card(
    title: str, facts: Iterable[str], links: dict[str, str], *, strip: Iterable[str] = (), metric: str = ""
) -> Markup:
    """Return one card as HTML."""
    pictures = Markup("").join(Markup("<img src='{}' alt=''>").format(url) for url in strip)
    lines = Markup("").join(Markup("<div class='facts'>{}</div>").format(fact) for fact in facts if fact)
    number = Markup("<div class='metric'>{}</div>").format(metric) if metric else ""
    ways = Markup("").join(Markup("<a href='{}'>{}</a>").format(url, words) for words, url in links.items())
    whole = Markup("<div class='strip'>{}</div><div class='about'><h3>{}</h3>{}{}</div><div class='links'>{}</div>")
    return whole.format(pictures, title, number, lines, ways)


def sky_card(name: str, path: Path) -> Markup:
    """Return the card of a sky."""
    made = shown_time((path / "galviz.json").stat().st_mtime)
    try:
        sky = open_sky(path)
        count, bands, height, width = sky.images.shape
    except REFUSED as error:
        return card(name, [f"cannot be opened: {shown_error(error)}"], {})
    facts = [f"{count:,} objects · {bands} bands · {width}×{height} px", f"made {made}"]
    links = {"Explore": {"tab": "data", "sky": name}, "Train": {"tab": "train", "sky": name}}
    urls = {words: f"./train?{urlencode(query)}" for words, query in links.items()}
    return card(name, facts, urls, strip=strip_of(path))


def table_card(name: str, path: Path) -> Markup:
    """Return the card of a table."""
    facts = [f"{shown_bytes(path.stat().st_size)} · {path.parent.name}"]
    return card(name, facts, {"Explore": f"./explore?{urlencode({'open': f'table {name}'})}"})


def run_card(name: str, run: Run) -> Markup:
    """Return the card of a run."""
    info, state = run.info, run.state()
    page = page_of(info["study"])
    facts = [f"{run.target.rules.about(run.target)} · {info['recipe']['name']} · {state['status']}"]
    facts.append(f"on {run.data.name} · {shown_time(info.get('created'))}")
    tabs = {"Predictions": "predictions", "Why": "why"} if run.weights.exists() else {"Progress": "train"}
    urls = {words: f"./{page}?{urlencode({'tab': tab, 'run': name})}" for words, tab in tabs.items()}
    return card(name, facts, urls, strip=strip_of(run.data), metric=result(run))


def study_card(name: str) -> Markup:
    """Return the card of a study."""
    study = open_study(name)
    title = (study.title or name)[:1].upper() + (study.title or name)[1:]
    return card(title, [study.paper or "Any column of a table beside your images"], {"Open": f"./{page_of(name)}"})


def tool_cards() -> list[Markup]:
    """Return the cards of the pages that belong to no study."""
    return [card(title, [what], {"Open": f"./{page}"}) for page, (title, what) in _TOOLS.items()]


def strip_of(path: Path) -> tuple[str, ...]:
    """Return the addresses of some pictures of a sky; none where they cannot be read."""
    file = path / "galviz.json"
    return _strip(str(path), file.stat().st_mtime_ns) if file.exists() else ()


@lru_cache(maxsize=64)
def _strip(path: str, _stamp: int) -> tuple[str, ...]:
    try:
        sky = CutoutSet.open(path)
        rows = np.unique(np.linspace(0, max(len(sky) - 1, 0), _STRIP).astype(int))[: len(sky)]
        images = (sky.images[int(row)] for row in rows)
        return picture_urls(images, sky.bands, StretchView(sky).stretch(), side=_SIDE)
    except REFUSED:
        return ()
