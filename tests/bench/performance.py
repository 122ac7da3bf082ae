"""Run the benches of speed, and write what they print into ``docs/performance.md``.

``make bench`` runs all of them, which takes hours; ``make bench BENCHES="predict fit"`` runs these. Every line that a
bench prints is kept in ``docs/performance.jsonl`` with the date and the machine, in place of an older line of the same
case; the page is written from that file. ``python tests/bench/performance.py --page`` only writes the page.
"""

import argparse
import datetime as dt
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
DOCS = HERE.parents[1] / "docs"
BENCHES = {  # what they measure, and how they are run
    "predict": ("Applying a network", ["predict.py"]),
    "fit": ("Training", ["fit.py"]),
    "reading": ("Training from a sky on disk", ["reading.py"]),
    "best_fit": ("Best fits", ["best_fit.py", "--case", "speed"]),
    "occlusion": ("Occlusion maps", ["occlusion.py"]),
    "first_page": ("The first page of a server, and the next", ["first_page.py"]),
    "first_map": ("The first map of a page", ["first_map.py"]),
    "threshold": ("Merger thresholds", ["threshold.py"]),
    "explorer": ("The explorer, without a browser", ["explorer.py", "--case", "1e6"]),
    "explorer_browser": ("The explorer in Chromium", ["explorer_browser.py", "--case", "1e6"]),
    "filters": ("Filters", ["filters.py"]),
    "gallery": ("The gallery", ["gallery.py"]),
    "members": ("Dragging the red sequence in Chromium", ["members.py", "--case", "drag"]),
    "libraries": ("Our code against libraries", ["libraries.py"]),
}
ABOUT = ("bench", "case", "date", "machine")
INTRODUCTION = """# Performance

Written by `make bench`. Each row is one case of one run of `tests/bench`; what a key means stands at the top of the
bench. Machines are shared, so compare ratios, which are of one run, and not seconds of different rows.
"""


def machine() -> str:
    """Name the processor, its cores, the memory, and the version of torch."""
    facts = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    models = [line.partition(":")[2].strip() for line in facts if line.startswith("model name")]
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    name = models[0] if models else platform.machine()
    return f"{name}, {os.cpu_count()} cores, {gigabytes:.0f} GiB, torch {version('torch').partition('+')[0]}"


def lines_of(bench: str) -> list[dict[str, Any]]:
    """Run a bench, and return the lines that it prints."""
    script, *arguments = BENCHES[bench][1]
    done = subprocess.run([sys.executable, HERE / script, *arguments], stdout=subprocess.PIPE, text=True, check=True)
    about = {"date": dt.datetime.now(tz=dt.UTC).date().isoformat(), "machine": machine()}
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return [{"bench": bench, "case": ""} | line | {"bench": bench} | about for line in found]


def merged(old: Iterable[Mapping[str, Any]], new: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return all lines, a new one in place of an old one of the same case."""
    kept = {(line["bench"], line["case"]): line for line in [*old, *new]}
    return [kept[key] for key in sorted(kept, key=lambda key: (list(BENCHES).index(key[0]), key[1]))]


def page(lines: Iterable[Mapping[str, Any]]) -> str:
    """Write the page: a section a bench, a row a case."""
    parts, rows = [INTRODUCTION], list(lines)
    for name, (title, command) in BENCHES.items():
        mine = [line for line in rows if line["bench"] == name]
        if not mine:
            continue
        parts.append(
            f"## {title}\n\n`python tests/bench/{' '.join(command)}`\n\n| case | figures | date |\n|---|---|---|"
        )
        for line in mine:
            figures = "; ".join(f"{key} {_text(value)}" for key, value in line.items() if key not in ABOUT)
            parts[-1] += f"\n| {line['case'] or name} | {figures} | {line['date']} |"
        parts.append("\n".join(sorted({f"On {line['machine']}." for line in mine})))
    return "\n\n".join(parts) + "\n"


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_text(each)}" for key, each in value.items())
    if isinstance(value, list):
        return "[" + ", ".join(map(_text, value)) + "]"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def main() -> None:
    """Run the benches, one after another; what is done is kept if a later one fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("benches", nargs="*", metavar="BENCH", help=f"of {', '.join(BENCHES)} (default: all)")
    parser.add_argument("--page", action="store_true", help="only write the page from the lines that are kept")
    given = parser.parse_args()
    if unknown := sorted(set(given.benches) - set(BENCHES)):
        parser.error(f"BENCH: expected some of {', '.join(BENCHES)}, got {', '.join(unknown)}.")
    file = DOCS / "performance.jsonl"
    lines = [json.loads(line) for line in file.read_text("utf-8").splitlines()] if file.exists() else []
    for bench in [] if given.page else given.benches or BENCHES:
        lines = merged(lines, lines_of(bench))
        file.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), "utf-8")
        (DOCS / "performance.md").write_text(page(lines), "utf-8")
    (DOCS / "performance.md").write_text(page(lines), "utf-8")


if __name__ == "__main__":
    main()
