"""The command that opens the pages."""

import argparse
from pathlib import Path

from galviz.cli.skies import Work


def open(args: argparse.Namespace) -> Work:  # noqa: A001 - the name of the command
    """Serve all pages to this computer, and open the browser."""
    for path in args.paths:
        if not Path(path).exists():
            raise FileNotFoundError(f"path: expected a folder or a file, got {path}, which is not there.")

    def work() -> None:
        from galviz.pages.site import serve

        serve(args.paths, args.port, browser=not args.no_browser)

    return work
