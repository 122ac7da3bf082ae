"""The command ``galviz``: its arguments and help. What the commands do is in `galviz.commands`, loaded when needed."""

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any, NoReturn

_EXIT_CODES = "Exit codes: 0 done, or stopped on request; 1 failed; 2 wrong arguments. GALVIZ_DEBUG=1 shows tracebacks."


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    A command first checks its arguments and gives back the work to be done: an error before it ends with 2, one in it
    with 1.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments, by default those of the process.

    Returns
    -------
    int
        0 done or stopped on request, 1 failed, 2 wrong arguments.
    """
    args = parser().parse_args(argv)
    from galviz import commands

    code = 2
    try:
        work = getattr(commands, args.command)(args)
        code = 1
        work()
    except KeyboardInterrupt:
        print(f"galviz {args.command}: interrupted", file=sys.stderr)
        return 1
    except Exception as error:  # noqa: BLE001 - the last place where it can be said in one line
        if os.environ.get("GALVIZ_DEBUG"):
            traceback.print_exc()
        print(f"galviz {args.command}: {commands.one_line(error)}", file=sys.stderr)
        return code
    return 0


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line and whose help keeps the lines of its examples."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **kwargs)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}. See `{self.prog} --help`.\n")


class _Version(argparse.Action):
    """Look the version up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        import galviz

        print(f"galviz {galviz.__version__}")
        parser.exit()


def parser() -> argparse.ArgumentParser:
    """Build the parser of the command line."""
    top = _Parser(prog="galviz", description="See what a network sees in galaxies.", epilog=_EXIT_CODES)
    top.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for add in (_mock, _ingest, _train, _predict, _runs, _devices):
        add(commands)
    return top


def _command(commands: Any, name: str, summary: str, *examples: str) -> argparse.ArgumentParser:
    epilog = "\n".join(["examples:", *(f"  {example}" for example in examples), "", _EXIT_CODES])
    return commands.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.", epilog=epilog)


def _mock(commands: Any) -> None:
    add = _command(
        commands,
        "mock",
        "draw a synthetic sky whose truth is known",
        "galviz mock richness --n 400 --size 64 --seed 0 --out skies/synthetic",
    ).add_argument
    add("kind", metavar="KIND", help="what is drawn: richness (galaxy clusters in u g r i z)")
    add("--out", metavar="DIR", required=True, help="the new folder to write the sky to (required)")
    add("--n", type=_positive, default=400, metavar="N", help="number of objects (default: %(default)s)")
    add("--size", type=_positive, default=64, metavar="PX", help="side of a cutout in pixels (default: %(default)s)")
    add("--seed", type=int, default=0, metavar="N", help="same seed, same sky, on any machine (default: %(default)s)")
    add("--workers", type=_positive, metavar="N", help="processes that draw (default: one a core)")


def _ingest(commands: Any) -> None:
    parser = _command(
        commands,
        "ingest",
        "cut a sky out of a survey's files",
        "galviz ingest sdss frames --tile 25.344 --out skies/tiles",
        "galviz ingest sdss frames --positions clusters.csv --side '1 Mpc' --out skies/clusters",
    )
    parser.add_argument("kind", metavar="KIND", help="kind of files: sdss (corrected frames, .fits or .fits.bz2)")
    parser.add_argument("frames", nargs="+", metavar="FOLDER", help="folders with frames in them or below them")
    parser.add_argument("--out", metavar="DIR", required=True, help="the new folder to write the sky to (required)")
    parser.add_argument(
        "--size", type=_positive, default=64, metavar="PX", help="side of a cutout in pixels (default: %(default)s)"
    )
    help_tile = "cover whole fields with squares of this side (this or --positions is required)"
    help_table = "table of object_id, ra, dec (degrees), and z where --side is in Mpc (this or --tile is required)"
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--tile", type=float, metavar="ARCSEC", help=help_tile)
    what.add_argument("--positions", metavar="CSV", help=help_table)
    parser.add_argument("--side", metavar="SIZE", help="with --positions: '120 arcsec' or '1 Mpc' (default: '1 Mpc')")
    help_skip = "leave out damaged fields, and positions outside all of them, and name them (default: an error)"
    parser.add_argument("--skip-bad", action="store_true", help=help_skip)


def _train(commands: Any) -> None:
    from galviz.commands import studies

    parser = _command(
        commands,
        "train",
        "train a network, or go on with a training",
        "galviz train richness --data skies/synthetic --out runs/first --recipe quick",
        "galviz train richness --data skies/synthetic --out runs/bands --target band",
        "galviz train richness --data skies/synthetic --out runs/guided --encoder runs/bands --set network.width=16",
        "galviz train richness --out runs/first --resume",
    )
    add = parser.add_argument
    add("study", metavar="STUDY", help=f"what is studied: {', '.join(studies())}")
    add("--out", metavar="RUN", required=True, help="the run folder: a new one, or with --resume an old one (required)")
    add("--data", metavar="DIR", help="the sky to learn from (required for a new run; default: the run's own)")
    add("--recipe", metavar="NAME", help="quick (minutes on a laptop), paper (as published), best (default: quick)")
    add("--target", metavar="NAME", help="what is learned: the study's own, or band (default: the study's own)")
    add("--encoder", metavar="RUN", help="start from the encoder of this run (default: a new one)")
    add("--frozen", action="store_true", help="with --encoder: keep its weights as they are (default: they learn too)")
    help_set = "change a field of the recipe: epochs=3, network.width=8, learning_rates.head=1e-3 (default: none)"
    add("--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE", help=help_set)
    add("--epochs", type=_positive, metavar="N", help="passes over the sky (default: as the recipe says)")
    help_devices = "cpu, cuda:0, mps, or how many of the best kind (default: one, of the best kind there is)"
    add("--devices", metavar="N|NAME", help=help_devices)
    help_queue = "train at once, where there is room beside what trains on the device (default: wait in line for it)"
    add("--no-queue", action="store_true", help=help_queue)
    add("--resume", action="store_true", help="go on from the run's last checkpoint (default: make a new run)")


def _predict(commands: Any) -> None:
    add = _command(
        commands,
        "predict",
        "apply a trained network to a sky",
        "galviz predict runs/first --data skies/tiles --out predictions.parquet",
    ).add_argument
    add("run", metavar="RUN", help="the run folder whose network is applied")
    add("--data", metavar="DIR", required=True, help="the sky to look at (required)")
    add("--out", metavar="FILE", required=True, help="the table to write, .parquet, a row an object (required)")


def _runs(commands: Any) -> None:
    add = _command(commands, "runs", "list the runs in a folder, newest first", "galviz runs runs").add_argument
    add("folder", nargs="?", metavar="DIR", help="the folder (default: runs in GALVIZ_HOME, which is ~/galviz)")


def _devices(commands: Any) -> None:
    add = _command(commands, "devices", "list what can train on this machine", "galviz devices --json").add_argument
    add("--json", action="store_true", help="as JSON, for programs (default: as a table)")


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text!r}")
    return int(text)
