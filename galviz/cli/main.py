"""Arguments and help of the command line. The commands themselves are in `galviz.cli.commands`."""

import argparse
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from galviz.studies import Study

_ANY = "any"  # the kind of `galviz ingest` where none is given
_EXIT_CODES = "Exit codes: 0 done, or stopped on request; 1 failed; 2 wrong arguments. GALVIZ_DEBUG=1 shows tracebacks."


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    A command first checks its arguments and returns a function that does the work. An error in the checks gives exit
    code 2, an error in the work exit code 1.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments, by default those of the process.

    Returns
    -------
    int
        0 done or stopped on request, 1 failed, 2 wrong arguments.
    """
    argv = sys.argv[1:] if argv is None else argv
    args = parser(argv).parse_args(argv)
    from galviz.cli import commands

    code = 2
    try:
        work = getattr(commands, args.command.replace("-", "_"))(args)
        code = 1
        work()
    except KeyboardInterrupt:
        print(f"galviz {args.command}: interrupted", file=sys.stderr)
        return 1
    except Exception as error:  # noqa: BLE001 - all errors become one line for the user
        if os.environ.get("GALVIZ_DEBUG"):
            traceback.print_exc()
        print(f"galviz {args.command}: {commands.one_line(error)}", file=sys.stderr)
        return code
    return 0


class _Parser(argparse.ArgumentParser):
    """A parser with errors on one line, and with a help that keeps the line breaks of its examples."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **kwargs)

    def parse_args(self, args: Sequence[str], namespace: Any = None) -> Any:
        """Parse the arguments. The kind of ``galviz ingest`` may be left out."""
        return super().parse_args(_with_kind(list(args)), namespace)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}. See `{self.prog} --help`.\n")


class _Version(argparse.Action):
    """Print the version. It is looked up only on request, because importing galviz takes time."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        import galviz

        print(f"galviz {galviz.__version__}")
        parser.exit()


def parser(argv: Sequence[str] = ()) -> argparse.ArgumentParser:
    """Build the parser of the command line.

    The studies are read, for help texts, only if `argv` names a command that needs them: it takes a second.
    """
    top = _Parser(prog="galviz", description="See what a network sees in galaxies.", epilog=_EXIT_CODES)
    top.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    known = {}
    if {"find-rate", "mock", "recipe", "sweep", "train"} & set(argv[:1]):
        from galviz.studies import studies

        known = studies()
    _mock(commands, known)
    _ingest(commands)
    _train(commands, known)
    _recipe(commands, known)
    _find_rate(commands, known)
    _sweep(commands, known)
    for add in (_open, _predict, _baselines, _runs, _devices):
        add(commands)
    return top


def _command(commands: Any, name: str, summary: str, *examples: str, **more: Any) -> argparse.ArgumentParser:
    epilog = "\n".join(["examples:", *(f"  {example}" for example in examples), "", _EXIT_CODES])
    about = {"help": summary, "description": f"{summary[0].upper()}{summary[1:]}.", "epilog": epilog}
    return commands.add_parser(name, **about, **more)


def _open(commands: Any) -> None:
    add = _command(
        commands,
        "open",
        "open the pages in a browser, on this computer only",
        "galviz open",
        "galviz open my_galaxies/ labels.csv",
        "galviz open skies/mine runs/first --port 5007 --no-browser",
    ).add_argument
    help_paths = "skies, runs, folders of them, tables, or images to make a sky of (default: what is in GALVIZ_HOME)"
    add("paths", nargs="*", metavar="PATH", help=help_paths)
    add("--port", type=int, default=0, metavar="N", help="port of the server (default: one that is free)")
    add("--no-browser", action="store_true", help="print the address only (default: open a browser)")


def _mock(commands: Any, studies: "Mapping[str, Study]") -> None:
    add = _command(
        commands,
        "mock",
        "draw a synthetic sky whose truth is known",
        "galviz mock richness --n 400 --size 64 --seed 0 --out skies/synthetic",
        "galviz mock richness --n 2000 --size 48 --background frames --out skies/embedded",
        "galviz mock mergers --n 3000 --out skies/zoo",
    ).add_argument
    skies = {name: study.mock for name, study in studies.items() if study.mock}
    kinds = ", ".join(f"{name} ({sky.about})" for name, sky in skies.items())
    add("kind", metavar="KIND", help=f"what is drawn: {kinds}")
    add("--out", metavar="DIR", required=True, help="the new folder to write the sky to (required)")
    able = ", ".join(name for name, sky in skies.items() if sky.over_frames)
    help_background = f"with {able}: draw into the SDSS frames in or below these folders (default: none)"
    add("--background", nargs="+", metavar="FRAMES", help=help_background)
    add("--n", type=_positive, default=400, metavar="N", help="number of objects (default: %(default)s)")
    sizes = ", ".join(f"{sky.size} for {name}" for name, sky in skies.items())
    add("--size", type=_positive, metavar="PX", help=f"side of a cutout in pixels (default: {sizes})")
    add("--seed", type=int, default=0, metavar="N", help="same seed, same sky, on any machine (default: %(default)s)")
    add("--workers", type=_positive, metavar="N", help="processes that draw (default: one per core)")


def _ingest(commands: Any) -> None:
    sdss = (
        "galviz ingest sdss frames --tile 25.344 --out skies/tiles",
        "galviz ingest sdss frames --positions clusters.csv --side '1 Mpc' --out skies/clusters",
        "galviz ingest sdss frames --positions catalog.fits --members members.fits --out skies/redmapper",
        "galviz ingest sdss frames --detect --size 32 --out skies/sources",
    )
    stacks = ("galviz ingest stacks deep --positions COSMOS2015.fits --size 32 --bands u,g,r,i,z --out skies/cosmos",)
    zoo = (
        "galviz ingest zoo galaxy-zoo-the-galaxy-challenge --out skies/kaggle",
        "galviz ingest zoo galaxy-zoo-the-galaxy-challenge --part test --out skies/kaggle_test",
        "galviz ingest zoo Galaxy10_DECals.h5 --crop 204 --out skies/galaxy10",
        "galviz ingest zoo pictures --table votes.csv --crop 204 --size 68 --skip-bad --out skies/mine",
    )
    classes = (
        "galviz ingest classes cifar-10-batches-py --out skies/cifar10",
        "galviz ingest classes CUB_200_2011 --boxes --size 128 --out skies/birds",
    )
    anything = (
        "galviz ingest pictures --out skies/mine",
        "galviz ingest cutouts --table catalogue.csv --column id=objID --bands g,r,i --out skies/mine",
        "galviz ingest perseus --clean members --column class=Class r=rmag g=gmag z=zmag --out skies/perseus",
        "galviz ingest frames --positions clusters.csv --column ra=RAJ2000 dec=DEJ2000 --out skies/clusters",
    )
    summary = "make a sky of images of any kind, and of the table beside them"
    parser = _command(commands, "ingest", summary, *anything, *sdss, *stacks, *zoo, *classes)
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND")
    _any(_command(kinds, _ANY, summary, *anything, *sdss, *stacks, *zoo, *classes, prog="galviz ingest"))
    _sdss(_command(kinds, "sdss", "cut a sky out of SDSS's corrected frames", *sdss))
    _stacks(_command(kinds, "stacks", "cut a sky out of stacked FITS images, one a band, as of HSC", *stacks))
    _zoo(_command(kinds, "zoo", "make a sky of Galaxy Zoo's colour pictures, or your own", *zoo))
    _classes(_command(kinds, "classes", "make a sky of colour pictures that belong to classes", *classes))


def _with_kind(argv: list[str]) -> list[str]:
    """Return the arguments with the kind of ``galviz ingest``, which may be left out."""
    given = argv[:1] != ["ingest"] or argv[1:2] in [[_ANY], ["sdss"], ["stacks"], ["zoo"], ["classes"]]
    return argv if given else ["ingest", _ANY, *argv[1:]]


def _any(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    help_pictures = (
        "a folder or a file: pictures (.jpg, .png, .tif, .webp, …), also in class folders or a .zip; FITS images, "
        "cubes and extensions; .npz, .npy, HDF5, Zarr; a data set of Hugging Face; or what `sdss`, `zoo` and `classes` "
        "read (one of these words may stand before it: see `galviz ingest sdss --help`)"
    )
    add("pictures", nargs="+", metavar="PATH", help=help_pictures)
    add("--out", metavar="DIR", required=True, help="the new folder to write the sky to (required)")
    help_table = "catalogue of the objects (default: the table in the same folder whose ids fit; none: no table)"
    add("--table", metavar="FILE", help=help_table)
    _column(parser)
    add("--bands", metavar="G,R,I", help="names of the bands (default: as the files name them)")
    units = "nanomaggy, flux (without a zero point) or display (shown as it is)"
    add("--unit", metavar="UNIT", help=f"of the pixels: {units} (default: as the files say)")
    help_zero = (
        "AB magnitude of a pixel value of 1: 27, or g=27.1,r=26.8; pixels become nanomaggies (default: as MAGZERO, "
    )
    help_zero += "ZEROPOINT and others in the headers say; --unit flux keeps the pixels as they are)"
    add("--zero-point", default="", metavar="MAG", help=help_zero)
    help_clean = "make the catalogue of this study, and its cuts: members (default: all objects, as the table says)"
    add("--clean", metavar="STUDY", help=help_clean)
    _reading(parser, size=None)
    frames = parser.add_argument_group("with SDSS frames")
    frames.add_argument("--positions", metavar="FILE", help="cut out these positions (default: none)")
    frames.add_argument("--tile", type=float, metavar="ARCSEC", help="cover the fields with squares (default: none)")
    help_detect = "cut out what is this many times above the noise, 4 where no number is given (default: none)"
    frames.add_argument("--detect", type=float, nargs="?", const=4.0, metavar="SIGMA", help=help_detect)
    frames.add_argument("--side", metavar="SIZE", help="with --positions: '120 arcsec' or '1 Mpc' (default: '1 Mpc')")
    frames.add_argument("--members", metavar="FITS", help="members of redMaPPer's clusters (default: none are listed)")


def _column(parser: argparse.ArgumentParser) -> None:
    help_column = "which column of the table is what: ra=RAJ2000, id=objID (default: as their names say)"
    parser.add_argument("--column", nargs="+", action="extend", default=[], metavar="NAME=COLUMN", help=help_column)


def _stacks(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    help_folders = "folders with FITS images whose names tell the band (cosmos-u.fits, calexp-HSC-G-9813-4,4.fits)"
    add("frames", nargs="+", metavar="FOLDER", help=help_folders)
    help_table = (
        "catalogue of ra, dec (ALPHA_J2000, …) and z (zspec, photoz, ZPDF, …); an object is left out where the "
    )
    help_table += "stacks do not have all pixels of its cutout (required)"
    add("--positions", metavar="FILE", required=True, help=help_table)
    add("--out", metavar="DIR", required=True, help="the new folder to write the sky to (required)")
    add("--size", type=_positive, default=32, metavar="PX", help="side of a cutout in pixels (default: %(default)s)")
    add("--bands", metavar="U,G,R,I,Z", help="bands to use (default: all that are there)")
    _column(parser)


def _sdss(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "frames", nargs="+", metavar="FOLDER", help="folders with frames (.fits, .fits.bz2) in or below"
    )
    parser.add_argument("--out", metavar="DIR", required=True, help="the new folder to write the sky to (required)")
    parser.add_argument(
        "--size", type=_positive, default=64, metavar="PX", help="side of a cutout in pixels (default: %(default)s)"
    )
    help_tile = "cover whole fields with squares of this side (this or --positions is required)"
    help_table = "CSV of object_id, ra, dec (degrees), and z where --side is in Mpc, or a redMaPPer catalogue in FITS, "
    help_table += "whose clusters inside the frames are used, with their richness (this or --tile is required)"
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--tile", type=float, metavar="ARCSEC", help=help_tile)
    what.add_argument("--positions", metavar="FILE", help=help_table)
    help_detect = "cut out sources in r above this many σ, by default 4 (this, --tile or "
    help_detect += "--positions is required)"
    what.add_argument("--detect", type=float, nargs="?", const=4.0, metavar="SIGMA", help=help_detect)
    parser.add_argument("--members", metavar="FITS", help="members of redMaPPer's clusters (default: none are listed)")
    parser.add_argument("--side", metavar="SIZE", help="with --positions: '120 arcsec' or '1 Mpc' (default: '1 Mpc')")
    _column(parser)
    help_skip = "leave out damaged fields, and positions outside all of them, and name them (default: an error)"
    parser.add_argument("--skip-bad", action="store_true", help=help_skip)


def _zoo(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    help_pictures = (
        "recognised from the files: Kaggle's folder (images_training_rev1 and training_solutions_rev1.csv); a "
        "Hugging Face data set as saved by save_to_disk, or its Parquet files; Galaxy10's .h5; or a folder of pictures "
        "named by object_id (.jpg, .png, .tif, .webp, .bmp, .gif)"
    )
    add("pictures", metavar="PATH", help=help_pictures)
    add("--out", metavar="DIR", required=True, help="the new folder to write the sky to (required)")
    add("--table", metavar="FILE", help="with a folder of pictures: what is known of them (default: nothing)")
    help_part = "of Kaggle's folder: training, or test, whose pictures have no votes (default: %(default)s)"
    add("--part", choices=("training", "test"), default="training", help=help_part)
    _reading(parser, size=68)


def _classes(parser: argparse.ArgumentParser) -> None:
    help_pictures = (
        "recognised from the files: the folder of CIFAR-10 (for Python, or binary); of CUB-200-2011; or a "
        "folder or .zip with one subfolder per class, also within train and test"
    )
    parser.add_argument("pictures", metavar="PATH", help=help_pictures)
    parser.add_argument("--out", metavar="DIR", required=True, help="the new folder to write the sky to (required)")
    help_boxes = (
        "with CUB-200: cut out a square around each bird's box (default: the whole picture, as --fit makes it square)"
    )
    parser.add_argument("--boxes", action="store_true", help=help_boxes)
    _reading(parser, size=32)


def _reading(parser: argparse.ArgumentParser, size: int | None) -> None:
    add = parser.add_argument
    help_crop = "keep this square in the middle, 0 keeps all (default: 204 for Galaxy Zoo, 0 for others)"
    add("--crop", type=_whole, metavar="PX", help=help_crop)
    usual = size or "pictures at most 128, scientific images as they are"
    help_size = f"make it this many pixels wide (default: {usual})"
    add("--size", type=_positive, default=size, metavar="PX", help=help_size)
    help_fit = "what is done to pictures that are not square: pad (with pixels that are not covered) or crop "
    add("--fit", choices=("pad", "crop"), default="pad", help=help_fit + "(default: %(default)s)")
    help_skip = "leave out pictures that cannot be read, and name them (default: an error)"
    add("--skip-bad", action="store_true", help=help_skip)
    add("--workers", type=_positive, metavar="N", help="how many are read at the same time (default: one per core)")


def _train(commands: Any, studies: "Mapping[str, Study]") -> None:
    parser = _command(
        commands,
        "train",
        "train a network, or go on with a training",
        "galviz train --data skies/mine --target spiral --out runs/spiral",
        "galviz train --data skies/mine --target mass,sfr --out runs/both --recipe best",
        "galviz train richness --data skies/synthetic --out runs/first --recipe quick",
        "galviz train richness --data skies/synthetic --out runs/bands --target band",
        "galviz train richness --data skies/synthetic --out runs/guided --encoder runs/bands --set network.width=16",
        "galviz train richness --out runs/first --resume",
        "galviz train mergers --data skies/zoo --out runs/votes",
    )
    add = parser.add_argument
    help_study = f"a preset of a paper: {', '.join(studies)} (default: own, your own images and column)"
    add("study", nargs="?", default="own", metavar="STUDY", help=help_study)
    add("--out", metavar="RUN", required=True, help="the run folder: a new one, or with --resume an old one (required)")
    add("--data", metavar="DIR", help="the sky to learn from (required for a new run; default: the run's own)")
    help_recipe = (
        "quick (minutes on a laptop), best, finetune (from a pre-trained encoder), probe (frozen pre-trained encoder, "
        "only the head is trained), paper (as published), or another of the study's (default: quick)"
    )
    add("--recipe", metavar="NAME", help=help_recipe)
    targets = "; ".join(f"{name}: {', '.join(study.targets)}" for name, study in studies.items() if study.targets)
    help_target = (
        "what is learned: a column of the catalogue, or several with commas between; or a target of the study. "
    )
    add("--target", metavar="NAME", help=f"{help_target}{targets} (default: the study's first)")
    help_task = "what kind of thing a column is: regression, classification or votes (default: guessed and printed)"
    add("--task", type=_column_task, metavar="TASK", help=help_task)
    help_positive = "the positive one of two classes (default: 1, true or yes, else the rarer one)"
    add("--positive", metavar="CLASS", help=help_positive)
    help_encoder = "start from the encoder of this run, or of a file of torchvision's weights (default: a new one)"
    add("--encoder", metavar="RUN", help=help_encoder)
    add("--frozen", action="store_true", help="with --encoder: keep its weights as they are (default: they learn too)")
    help_set = (
        "change settings of the recipe: epochs=3, network.width=8, validation.folds=4, or folds=4 for short; `galviz "
        "recipe` lists them (default: none)"
    )
    add("--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE", help=help_set)
    add("--epochs", type=_positive, metavar="N", help="passes over the sky (default: as the recipe says)")
    help_devices = "cpu, cuda:0, mps, or how many of the best kind (default: one, of the best kind there is)"
    add("--devices", metavar="N|NAME", help=help_devices)
    help_queue = "start now if memory allows, without waiting in the queue (default: wait)"
    add("--no-queue", action="store_true", help=help_queue)
    add("--resume", action="store_true", help="go on from the run's last checkpoint (default: make a new run)")


def _recipe(commands: Any, studies: "Mapping[str, Study]") -> None:
    add = _command(
        commands,
        "recipe",
        "list the settings that a recipe can have, or those of a study's recipe",
        "galviz recipe",
        "galviz recipe own --recipe finetune",
        "galviz recipe --data skies/mine --target spiral",
        "galviz recipe richness --recipe best --set folds=10",
    ).add_argument
    names = ", ".join(studies)
    help_study = f"show the values in a recipe of this study: {names} (default: own, or without options all settings)"
    add("study", nargs="?", metavar="STUDY", help=help_study)
    add("--recipe", metavar="NAME", help="quick, paper, best, or another of the study's (default: quick)")
    add("--data", metavar="DIR", help="the sky that is learned from (default: pictures of no sky)")
    add("--target", metavar="NAME", help="what is learned, as in `galviz train` (default: the study's own)")
    help_task = "for a column: regression, classification or votes (default: guessed, or classification without --data)"
    add("--task", type=_column_task, metavar="TASK", help=help_task)
    add("--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE", help="change settings (default: none)")


def _find_rate(commands: Any, studies: "Mapping[str, Study]") -> None:
    add = _command(
        commands,
        "find-rate",
        "suggest a learning rate: train for some steps while the rate rises, and see where the loss falls",
        "galviz find-rate --data skies/mine --target spiral",
        "galviz find-rate richness --data skies/synthetic --recipe best --steps 200 --out rates.csv",
    ).add_argument
    help_study = f"a preset of a paper: {', '.join(studies)} (default: own, your own images and column)"
    add("study", nargs="?", default="own", metavar="STUDY", help=help_study)
    add("--data", metavar="DIR", required=True, help="the sky to learn from (required)")
    add("--recipe", metavar="NAME", help="quick, paper, best, or another of the study's (default: quick)")
    add("--target", metavar="NAME", help="what is learned, as in `galviz train` (default: the study's first)")
    help_task = "what kind of thing a column is: regression, classification or votes (default: guessed and printed)"
    add("--task", type=_column_task, metavar="TASK", help=help_task)
    help_positive = "the positive one of two classes (default: 1, true or yes, else the rarer one)"
    add("--positive", metavar="CLASS", help=help_positive)
    help_encoder = "start from the encoder of this run, or of a file of torchvision's weights (default: as the recipe)"
    add("--encoder", metavar="RUN", help=help_encoder)
    add("--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE", help="change settings (default: none)")
    help_low = "first learning rate, of the layer group with the highest one (default: %(default)s)"
    add("--low", type=float, default=1e-6, metavar="RATE", help=help_low)
    add("--high", type=float, default=10.0, metavar="RATE", help="last learning rate (default: %(default)s)")
    add("--steps", type=_positive, default=100, metavar="N", help="steps of the test (default: %(default)s)")
    add("--devices", metavar="NAME", help="cpu, cuda:0 or mps (default: the best there is)")
    add("--out", metavar="FILE", help="a table of all steps, .csv (default: none is written)")


def _sweep(commands: Any, studies: "Mapping[str, Study]") -> None:
    add = _command(
        commands,
        "sweep",
        "train for several folds, seeds and parts of the labels, also with a pre-trained encoder",
        "galviz sweep --data skies/mine --target spiral --out sweeps/folds",
        "galviz sweep --data skies/mine --target spiral --out sweeps/labels --fractions 0.1 0.3 1 --trials 3 --folds 0",
        "galviz sweep richness --data skies/synthetic --out sweeps/first --fractions 0.05 0.2 1",
        "galviz sweep richness --data skies/synthetic --out sweeps/ten --folds all --fold-wise --devices cuda:0 cuda:1",
        "galviz sweep richness --out sweeps/first --resume",
    ).add_argument
    able = ", ".join(name for name, study in studies.items() if study.pretraining)
    help_study = f"{able}: its target, with and without a pre-trained encoder (default: own, any column)"
    add("study", nargs="?", default="own", metavar="STUDY", help=help_study)
    add("--out", metavar="SWEEP", required=True, help="the folder: a new one, or with --resume an old one (required)")
    add("--data", metavar="DIR", help="the sky to learn from (required for a new sweep)")
    help_recipe = "quick, paper (as published), best, or another of the study's (default: %(default)s)"
    add("--recipe", metavar="NAME", default="quick", help=help_recipe)
    help_target = (
        "what is learned, as in `galviz train`; without pre-training (default: the study's, with pre-training)"
    )
    add("--target", metavar="NAME", help=help_target)
    help_task = "what kind of thing a column is: regression, classification or votes (default: guessed and printed)"
    add("--task", type=_column_task, metavar="TASK", help=help_task)
    help_positive = "the positive one of two classes (default: 1, true or yes, else the rarer one)"
    add("--positive", metavar="CLASS", help=help_positive)
    help_fractions = "parts of the labels, up to 1 (default: 1; with pre-training 0.01 0.05 0.1 0.2 and so on to 1)"
    add("--fractions", nargs="+", type=float, metavar="PART", help=help_fractions)
    help_trials = "repeats, each with other labels and initial weights (default: 1; with pre-training 3)"
    add("--trials", type=_positive, metavar="N", help=help_trials)
    help_folds = "numbers of the folds held out, or all (default: all; with pre-training 0, in the recipe paper all)"
    add("--folds", nargs="+", type=_fold, metavar="K", help=help_folds)
    help_wise = "pre-train for each fold without its held-out images (default: once, on four fifths of the images)"
    add("--fold-wise", action="store_true", help=help_wise)
    help_set = "change settings of the recipe; bands. or orders. before a key changes the pre-training (default: none)"
    add("--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE", help=help_set)
    help_devices = (
        "cpu, cuda:0, …: one training at a time on each; name one twice for two at a time (default: the best)"
    )
    add("--devices", nargs="+", default=["auto"], metavar="NAME", help=help_devices)
    add("--resume", action="store_true", help="go on with what is missing (default: make a new sweep)")


def _predict(commands: Any) -> None:
    add = _command(
        commands,
        "predict",
        "apply a trained network to a sky, or the mean of several",
        "galviz predict runs/first --data skies/tiles --out predictions.parquet",
        "galviz predict runs/fold0 runs/fold1 runs/fold2 --data skies/new --out mean.parquet",
        "galviz predict sweeps/folds --data skies/mine --held-out --out held_out.parquet",
        "galviz predict runs/best --data skies/new --out new.parquet --recentre field",
        "galviz predict runs/votes --data skies/kaggle_test --out test.parquet --kaggle submission.csv",
    ).add_argument
    help_run = "the run folder whose network is applied; several, or a sweep, of which the runs with all labels count: "
    add("run", nargs="+", metavar="RUN", help=help_run + "the mean of all is written, and how far they differ")
    add("--data", metavar="DIR", required=True, help="the sky to look at (required)")
    add("--out", metavar="FILE", required=True, help="the table to write, .parquet, one row per object (required)")
    help_held = "predict each object only by networks that were not trained on it (default: by all)"
    add("--held-out", action="store_true", help=help_held)
    help_recentre = (
        "catalogue column with the field of each object: shift the estimates of each field to the mean that the run "
        "expects of it, for fields whose objects are like those of the training (default: not)"
    )
    add("--recentre", metavar="COLUMN", help=help_recentre)
    help_kaggle = "of Galaxy Zoo's votes: also write them as Kaggle takes a submission, .csv (default: not)"
    add("--kaggle", metavar="FILE", help=help_kaggle)


def _baselines(commands: Any) -> None:
    add = _command(
        commands,
        "baselines",
        "what can be predicted of a column without images: by its mean, and by trees on the other columns",
        "galviz baselines galaxies.csv --target z --columns g r i z_mag",
        "galviz baselines skies/mine --target spiral",
    ).add_argument
    add("table", metavar="TABLE", help="a table in a file (CSV, ECSV, VOTable, FITS, Parquet), or a sky")
    add("--target", metavar="NAME", required=True, help="the column that is predicted (required)")
    help_columns = "columns to learn from (default: all with numbers whose name does not hold that of the target)"
    add("--columns", nargs="+", default=[], metavar="NAME", help=help_columns)
    help_task = "regression or classification (default: guessed and printed)"
    add("--task", choices=("regression", "classification"), metavar="TASK", help=help_task)
    help_folds = "each object is predicted from the others but those of its fold (default: %(default)s folds)"
    add("--folds", type=_at_least_two, default=5, metavar="N", help=help_folds)
    add("--out", metavar="FILE", help="a table for the predictions of the trees, .parquet (default: none is written)")


def _runs(commands: Any) -> None:
    add = _command(commands, "runs", "list the runs in a folder, newest first", "galviz runs runs").add_argument
    add("folder", nargs="?", metavar="DIR", help="the folder (default: runs in GALVIZ_HOME, which is ~/galviz)")


def _devices(commands: Any) -> None:
    add = _command(commands, "devices", "list what can train on this machine", "galviz devices --json").add_argument
    add("--json", action="store_true", help="as JSON, for programs (default: as a table)")


def _fold(text: str) -> int | str:
    return text if text == "all" else _whole(text)


def _positive(text: str) -> int:
    return _whole(text, 1)


def _at_least_two(text: str) -> int:
    return _whole(text, 2)


def _column_task(text: str) -> str:
    from galviz.tasks import column_tasks

    if text not in column_tasks():
        raise argparse.ArgumentTypeError(f"expected one of {', '.join(column_tasks())}, got {text!r}")
    return text


def _whole(text: str, least: int = 0) -> int:
    if not text.isdecimal() or int(text) < least:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least {least}, got {text!r}")
    return int(text)
