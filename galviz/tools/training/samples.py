"""Pictures of a few held-out objects with their predictions, as a network learns."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import pandas as pd

from galviz.io.markup import Markup
from galviz.runs.predictions import Predictions
from galviz.sky.cutouts import CutoutSet
from galviz.tasks.target import Target
from galviz.tools.formatting import shown_value
from galviz.tools.gallery.figure import picture_urls
from galviz.tools.viewer.stretch_controls import StretchView

_SIDE = 96  # px
CSS = """
ul { display: flex; flex-wrap: wrap; gap: 10px; list-style: none; margin: 0; padding: 4px }
li { width: 108px; font-size: 12px; line-height: 1.35 }
img { width: 108px; height: 108px; object-fit: cover; border-radius: 6px; display: block; background: #8883 }
.id { font: 11px ui-monospace, monospace; overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
.right::before { content: "✓ "; color: #1a7f37; font-weight: 700 }
.wrong::before { content: "✗ "; color: #c62828; font-weight: 700 }
"""


def samples_html(samples: Predictions, epoch: int, urls: Sequence[str] = ()) -> Markup:
    """Return the pictures and what the network says of them now.

    Parameters
    ----------
    samples : Predictions
        Of the objects shown.
    epoch : int
        After which they were predicted.
    urls : sequence of str
        A picture for each object; none: only words.
    """
    table, target = samples.table, samples.target
    name = target.rules.names(target)[0]
    pictures = urls or [""] * len(table)
    items = Markup("").join(
        _item(row, target, name, url) for (_, row), url in zip(table.iterrows(), pictures, strict=True)
    )
    head = Markup("<div role='status'>{} held-out objects; the network's predictions after epoch {}</div>")
    return head.format(len(table), epoch) + Markup("<ul>{}</ul>").format(items)


def _item(row: pd.Series, target: Target, name: str, url: str) -> Markup:
    given, true = row[name], row.get(f"{name}_true")
    known = true is not None and not pd.isna(true)
    sign = "" if target.numeric or not known else "right" if given == true else "wrong"
    picture = Markup("<img src='{}' alt=''>").format(url) if url else ""
    given, true = (target.class_words.get(value, shown_value(value)) for value in (given, true))
    words = f"predicted {given}, true {true if known else 'not known'}"
    return Markup("<li>{}<div class='id' title='{}'>{}</div><div class='{}'>{}</div></li>").format(
        picture, row.name, row.name, sign, words
    )


@lru_cache(maxsize=16)
def sample_pictures(sky: Path, ids: tuple[str, ...]) -> tuple[str, ...]:
    """Return the pictures of objects as addresses: none where the sky cannot be read, ``""`` where it lacks one."""
    try:
        cutouts = CutoutSet.open(sky)
        rows = cutouts.catalogue.index.get_indexer(list(ids))
        images = (cutouts.images[int(row)] for row in rows if row >= 0)
        urls = iter(picture_urls(images, cutouts.bands, StretchView(cutouts).stretch(), side=_SIDE))
        return tuple(next(urls) if row >= 0 else "" for row in rows)
    except (ValueError, OSError, KeyError):
        return ()
