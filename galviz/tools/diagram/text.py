"""A red sequence in words: how it was fitted, and how far it was moved."""

import numpy as np

from galviz.measure.red_sequence import RedSequence, RedSequenceFit
from galviz.tools.diagram.core import ALL


def line_words(found: RedSequenceFit, of: str) -> str:
    """Return a fitted line in words, with the 95 % intervals of its numbers where there are some.

    Parameters
    ----------
    found : RedSequenceFit
    of : str
        What the class that it was fitted to is called, or ``"all"``.
    """

    def written(name: str, digits: int) -> str:
        one = getattr(found, name)
        ends = "" if np.isnan(one.low) else f" ({one.low:.{digits}f} to {one.high:.{digits}f})"
        return f"{one.value:.{digits}f}{ends}".replace("-", "−")

    whom = "objects" if of == ALL else f"objects of the true class {of}"
    ends = "" if np.isnan(found.slope.low) else " (95 % intervals)"
    return (
        f"Fitted to {found.objects:,} {whom}{ends}: slope {written('slope', 4)}; colour {written('intercept', 3)} mag "
        f"at magnitude {found.sequence.pivot:.2f}; scatter {written('scatter', 3)} mag. {found.share:.0%} belong to it."
    ).replace("at magnitude -", "at magnitude −")


def moved_words(found: RedSequenceFit | None, line: RedSequence | None) -> str:
    """Return how far a line was moved from the fitted one; empty if it was not."""
    if found is None or line is None or line == found.sequence:
        return ""
    up, tilt = line.intercept - found.sequence.intercept, line.slope - found.sequence.slope
    words = f"Moved by {up:+.3f} mag" + (f", tilted by {tilt:+.4f}" if tilt else "")
    return f"{words} from the fit.".replace("-", "−")
