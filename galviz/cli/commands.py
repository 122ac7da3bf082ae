"""The commands of the command line. Each checks its arguments and returns a function that does the work."""

import argparse
import json
import os
import platform
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from galviz.cli.skies import OWN, Work, bar, ingest, mock, one_of, study_named

if TYPE_CHECKING:
    from galviz.runs.predictions import Predictions
    from galviz.runs.recipe import Recipe
    from galviz.runs.run import Run
    from galviz.sky.cutouts import CutoutSet
    from galviz.studies import Study
    from galviz.tasks.target import Target
    from galviz.work.sweep import Plan

__all__ = [
    "baselines",
    "devices",
    "find_rate",
    "ingest",
    "mock",
    "one_line",
    "open",
    "predict",
    "recipe",
    "runs",
    "sweep",
    "train",
]


def train(args: argparse.Namespace) -> Work:
    """Train a network into a run folder."""
    from galviz import studies
    from galviz.runs.run import Run
    from galviz.work import training

    study = study_named(Run.open(args.out).info["study"] if args.study == OWN and args.resume else args.study)
    if training.follows():
        run = training.when_made(args.out)
        cutouts = _sky(args.data or run.data, study)
    else:
        run, cutouts = _old_run(args, study) if args.resume else _new_run(args, study)
        training.claim(run)
    begun = args.resume and run.checkpoint.exists()
    more = {
        "devices": int(args.devices) if args.devices and args.devices.isdecimal() else args.devices,
        "resume": args.resume,
        "encoder": None if begun else run.info.get("encoder"),  # the checkpoint holds the weights
    }
    if training.follows():
        return lambda: studies.train(run, cutouts, **more)

    def work() -> None:
        turn = training.turn(run, more["devices"], wait=not args.no_queue)
        with training.failure_noted(run), training.stop_on_signals(run), turn as has_come:
            if has_come:
                with training.shown(run):
                    studies.train(run, cutouts, **more)
        print(f"{run.path}: {training.summary(run)}")
        predictions = run.predictions() if run.state()["status"] == "done" else None
        held_out = predictions.held_out().with_truth() if predictions is not None else None
        if held_out is not None and len(held_out.table):
            print(f"{len(held_out.table):,} held-out objects, predicted by the network as it was saved:")
            _print_measures(held_out)

    return work


def recipe(args: argparse.Namespace) -> Work:
    """List the settings of recipes, or those of one recipe with their values."""
    from galviz.runs.recipe import Recipe
    from galviz.runs.settings import about, declared, text_of, type_text

    of_one = any((args.study, args.recipe, args.target, args.task, args.data, args.set))
    values = [f"{name}={text_of(value)}" for name, value in _shown_recipe(args).flat().items()] if of_one else []

    def work() -> None:
        for key, one in declared(Recipe):
            shown = [value for value in values if value.startswith((f"{key}=", f"{key}."))] if of_one else [key]
            if shown:
                print(*shown)
                print(textwrap.indent(textwrap.fill(f"{about(one).help} ({type_text(one)})", 100), "    "))

    return work


def find_rate(args: argparse.Namespace) -> Work:
    """Train for some steps while the learning rate rises, and print the losses and a suggestion."""
    from galviz.measure.rate_test import group_rates, suggested_rate

    study = study_named(args.study)
    if study.train is not None:
        raise ValueError(f"study: expected one that trains a single network, got {args.study}, which trains several.")
    cutouts = _sky(args.data, study)
    target, recipe = _target_and_recipe(args, study, cutouts)
    if args.out and not Path(args.out).resolve().parent.is_dir():
        raise ValueError(f"out: expected a file in a folder that is there, got {args.out}.")

    def work() -> None:
        from galviz.io.files import write_aside
        from galviz.nn.training.rate_finder import find_rate as test

        ends = {"low": args.low, "high": args.high, "steps": args.steps}
        more = {"devices": args.devices, "encoder": args.encoder or ""}
        with bar("finding rates", "steps") as progress:
            table = test(cutouts, target, recipe, **ends, **more, progress=progress)
        print(f"{'rate':>10s}{'loss':>12s}{'smoothed':>12s}")
        for row in table.iloc[:: max(1, len(table) // 20)].itertuples():
            print(f"{row.rate:10.2g}{row.loss:12.5g}{row.smoothed:12.5g}")
        found, optimiser = suggested_rate(table), recipe.optimiser
        if found is None:
            print("The loss never fell: no rate is suggested. Try more --steps, or another --low.")
        else:
            rates = group_rates(found, optimiser.learning_rates, frozen=optimiser.frozen)
            sets = " ".join(f"learning_rates.{name}={rate:.2g}" for name, rate in rates.items())
            print(f"The loss falls most steeply at {found:.2g}: --set {sets}")
        if args.out:
            with write_aside(Path(args.out)) as aside:
                table.to_csv(aside, index=False)

    return work


def sweep(args: argparse.Namespace) -> Work:
    """Train for several folds, seeds and label fractions, also with and without a pre-trained encoder."""
    from galviz.runs.run import Run
    from galviz.work.sweep import Sweep
    from galviz.work.sweeping import work_off
    from galviz.work.training import stop_on_signals

    plans = ("data", "target", "task", "positive", "fractions", "trials", "folds", "set", "fold_wise")
    planned = [f"--{name}".replace("_", "-") for name in plans if vars(args)[name]]
    if args.resume and planned:
        raise ValueError(f"resume: expected --devices at most, got {', '.join(planned)}: the plan is in sweep.json.")
    found = Sweep(args.out) if args.resume else Sweep.create(args.out, _planned(args, study_named(args.study)))
    together = args.devices.count("cpu")
    if together > 1:
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // together)))

    def work() -> None:
        with stop_on_signals(Run(found.path)):
            left = work_off(found, args.devices, lambda line: print(f"galviz sweep: {line}", file=sys.stderr))
        see = ", see table.csv" if (found.path / "table.csv").exists() else ""
        print(f"{found.path}: {len(found.tasks) - len(left)} of {len(found.tasks)} trainings done{see}")
        if failed := found.failed():
            name, why = next(iter(failed.items()))
            raise RuntimeError(
                f"sweep: expected all trainings to end well, got {len(failed)} that failed, {name} first: {why} "
                "Go on with --resume."
            )

    return work


def open(args: argparse.Namespace) -> Work:  # noqa: A001 - the name of the command
    """Serve all pages to this computer, and open the browser."""
    for path in args.paths:
        if not Path(path).exists():
            raise FileNotFoundError(f"path: expected a folder or a file, got {path}, which is not there.")

    def work() -> None:
        from galviz.pages.site import serve

        serve(args.paths, args.port, browser=not args.no_browser)

    return work


def predict(args: argparse.Namespace) -> Work:
    """Apply a trained network to a sky, or several and their mean."""
    from galviz import studies
    from galviz.runs.headline import of_predictions
    from galviz.work.sweep import runs_at

    runs, out = [run for path in args.run for run in runs_at(path)], _parquet_file(args.out)
    for run in runs:
        if not run.weights.exists():
            raise FileNotFoundError(
                f"run: expected a trained run, got {run.path}, which has no weights. Finish it first."
            )
    cutouts = _sky(args.data, study_named(runs[0].info["study"]))
    submitted = _submission_file(args.kaggle, runs[0], cutouts) if args.kaggle else None
    if args.recentre:
        from galviz.nn.inference.recentred import check, recentred

        check(runs, cutouts.catalogue, args.recentre)

    def work() -> None:
        from galviz.sky.galaxy_zoo import TEST_PICTURES, write_submission

        with bar("predicting") as progress:
            predictions = studies.predict_together(runs, cutouts, progress, held_out=args.held_out)
        if args.recentre:
            predictions = recentred(predictions, runs, cutouts, args.recentre)
        predictions.save(out)
        if submitted:
            write_submission(predictions.table, submitted)
            print(f"{submitted}: {len(predictions.table):,} galaxies of the {TEST_PICTURES:,} that Kaggle scores")
        several = f"the mean of {len(runs)} networks" if len(runs) > 1 else str(runs[0].path)
        print(f"{out}: {len(predictions.table)} rows from {several}")
        if found := of_predictions(predictions):
            print(found)

    return work


def baselines(args: argparse.Namespace) -> Work:
    """Measure what can be predicted of a column without images."""
    from galviz.io.tables import NUMBERED, read_table
    from galviz.nn.baselines.general import COLUMNS, check_columns, table_baselines
    from galviz.sky.cutouts import CutoutSet
    from galviz.tasks.guess import guess, numeric_columns

    of_sky, out = Path(args.table).is_dir(), _parquet_file(args.out) if args.out else None
    table = CutoutSet.open(args.table).catalogue if of_sky else read_table(args.table, id_column=NUMBERED).table
    target, why = guess(table, (args.target,), args.task or "")
    check_columns(table, args.columns)
    used = args.columns or numeric_columns(table, target)
    numbers = [name for name in table.select_dtypes("number") if name not in (*used, args.target)]
    print(f"galviz baselines: {why}", file=sys.stderr)
    print(f"galviz baselines: learned from {', '.join(used) or 'no column'}", file=sys.stderr)
    if numbers and not args.columns:
        print(f"galviz baselines: left out {', '.join(numbers)}; --columns takes any", file=sys.stderr)

    def work() -> None:
        found = table_baselines(table, target, used, args.folds)
        print(f"{len(table)} objects, each predicted from the other {args.folds - 1} of {args.folds} folds")
        for name, predictions in found.items():
            print(f"{name}:")
            _print_measures(predictions)
        if out and COLUMNS in found:
            found[COLUMNS].save(out)

    return work


def runs(args: argparse.Namespace) -> Work:
    """List the runs in a folder."""
    from galviz.io.paths import home
    from galviz.runs.run import list_runs
    from galviz.work.training import summary

    folder = Path(args.folder) if args.folder else home() / "runs"
    if not folder.is_dir():
        raise FileNotFoundError(
            f"folder: expected a folder of runs, got {folder}, which is not there. Train one first."
        )

    def work() -> None:
        found, broken = list_runs(folder)
        for run in found:
            info = run.info
            made = f"{info['study']} {info['target']['name']}, recipe {info['recipe']['name']}"
            try:
                print(f"{run.path.relative_to(folder)}: {made}: {summary(run)}")
            except (OSError, ValueError, KeyError) as error:
                broken[str(run.path)] = one_line(error)
        for path, why in broken.items():
            print(f"galviz runs: {path} left out: {why}", file=sys.stderr)
        if not found:
            print(f"no runs in {folder}", file=sys.stderr)

    return work


def devices(args: argparse.Namespace) -> Work:
    """List the devices of this machine that can train."""

    def work() -> None:
        found = _devices_found()
        if args.json:
            print(json.dumps(found))
            return
        for device in found:
            print(f"{device['device']:8s}{device['name']}, {device['free_mb']} of {device['memory_mb']} MiB free")

    return work


def one_line(error: BaseException) -> str:
    """Return an error as one line: its message, preceded by its type unless it is an error that galviz raises."""
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    else:
        text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    ours = isinstance(error, OSError | ValueError | KeyError | RuntimeError | TypeError) and text
    return " ".join((text if ours else f"{type(error).__name__}: {text}").split())


def _print_measures(predictions: "Predictions") -> None:
    """Print the measures of predictions with their 95 % intervals, one a line."""
    for metric, row in predictions.summary().iterrows():
        print(f"    {metric:12s}{row.value:10.5g}  [{row.low:.5g}, {row.high:.5g}]  {row.definition}")


def _sky(path: str | Path, study: "Study") -> "CutoutSet":
    """Open a sky in the bands of a study. Raise a ValueError if it has other bands."""
    from galviz.sky.cutouts import CutoutSet

    return CutoutSet.open(path, study.bands)


def _target_and_recipe(
    args: argparse.Namespace, study: "Study", cutouts: "CutoutSet | None" = None
) -> tuple["Target", "Recipe"]:
    """Return the target and the recipe, changed by ``--set``, that the arguments select."""
    name, task = args.target or "", getattr(args, "task", None) or ""
    target, why = study.choose(name, cutouts, task, getattr(args, "positive", None) or "")
    if target not in study.targets.values():
        print(f"galviz {args.command}: {why}", file=sys.stderr)
    recipes = study.recipes_of(name or next(iter(study.targets), ""), target.task, cutouts)
    one_of("recipe", args.recipe or "quick", recipes)
    return target, recipes[args.recipe or "quick"].with_settings(args.set)


def _shown_recipe(args: argparse.Namespace) -> "Recipe":
    """Return the recipe that `recipe` shows. For images of one's own, without a sky, it is that for pictures."""
    study = study_named(args.study or OWN)
    cutouts = _sky(args.data, study) if args.data else None
    if cutouts is not None or args.target or study.targets:
        return _target_and_recipe(args, study, cutouts)[1]
    task = args.task or "classification"
    recipes = study.recipes_of("", task)
    one_of("recipe", args.recipe or "quick", recipes)
    print(
        f"galviz recipe: for {task} of pictures. Give --data SKY --target COLUMN for the recipe of your own images.",
        file=sys.stderr,
    )
    return recipes[args.recipe or "quick"].with_settings(args.set)


def _requested(args: argparse.Namespace, study: "Study", cutouts: "CutoutSet") -> tuple["Target", "Recipe", str | None]:
    """Return the target, the recipe with all its changes, and the encoder that the arguments select."""
    target, recipe = _target_and_recipe(args, study, cutouts)
    if args.epochs:
        recipe = recipe.replace(epochs=args.epochs)
    if args.frozen and not args.encoder:
        raise ValueError("frozen: expected an encoder to keep as it is, got none. Give --encoder RUN too.")
    if args.frozen:
        recipe = recipe.replace(optimiser={"frozen": True})
    return target, recipe, str(Path(args.encoder).resolve()) if args.encoder else None


def _parquet_file(text: str) -> Path:
    """Return the path of a file to write. Raise a ValueError if it is none of Parquet, or its folder does not exist."""
    out = Path(text)
    if out.suffix != ".parquet" or not out.resolve().parent.is_dir():
        raise ValueError(f"out: expected a .parquet file in a folder that is there, got {out}.")
    return out


def _submission_file(text: str, run: "Run", cutouts: "CutoutSet") -> Path:
    """Return the path of a submission to write. Raise a ValueError if it cannot be one, before anything is computed."""
    from galviz.sky.galaxy_zoo import COLUMNS, check_galaxy_ids

    out = Path(text)
    if out.suffix != ".csv" or not out.resolve().parent.is_dir():
        raise ValueError(f"kaggle: expected a .csv file in a folder that is there, got {out}.")
    if run.target.columns != COLUMNS:
        raise ValueError(f"kaggle: expected a run of Galaxy Zoo's 37 votes, got {run.target.name}. Leave it out.")
    check_galaxy_ids(cutouts.object_ids)
    return out


def _planned(args: argparse.Namespace, study: "Study") -> "Plan":
    """Return the plan of a sweep from its arguments."""
    from galviz.sky.groups import groups_of
    from galviz.work.sweep import FRACTIONS, Plan

    if not args.data:
        raise ValueError("data: expected the folder of a sky, got none. Make one with `galviz mock` or ingest.")
    cutouts, pretrained = _sky(args.data, study), study.pretraining is not None and not args.target
    if args.fold_wise and not pretrained:
        raise ValueError("fold-wise: expected with a study that has a pre-training, got none. Leave it out.")
    if pretrained:
        learned = _with_pretraining(args, study)
    else:
        target, recipe = _target_and_recipe(args, study, cutouts)
        learned = {"target": target, "pretext": None, "recipe": recipe, "pretraining": None}
    last = max(learned["recipe"].validation.folds, 1)
    groups = len(set(groups_of(cutouts.catalogue)))
    parts = {"folds": last}
    if pretrained and not args.fold_wise:
        parts[f"{learned['pretext'].name}s.folds"] = learned["pretraining"].validation.folds
    many = {key: count for key, count in parts.items() if count > groups}
    if many:
        raise ValueError(
            f"folds: expected at most {groups}, one per group of objects that stay together, got {max(many.values())}. "
            f"Give --set {' '.join(f'{key}={groups}' for key in many)}."
        )
    first = pretrained and args.recipe not in study.pretraining.cross_validated
    folds = args.folds or ([0] if first else ["all"])
    return Plan(
        study=args.study,
        data=str(Path(args.data).resolve()),
        fingerprint=cutouts.fingerprint,
        **learned,
        fractions=tuple(args.fractions or (FRACTIONS if pretrained else (1.0,))),
        trials=args.trials or (3 if pretrained else 1),
        folds=tuple(range(last) if "all" in folds else folds),
        fold_wise=args.fold_wise,
    )


def _with_pretraining(args: argparse.Namespace, study: "Study") -> dict[str, Any]:
    """Return targets and recipes of a sweep that compares a pre-trained encoder with random weights."""
    one_of("recipe", args.recipe, study.pretraining.base)
    pretext = study.pretraining.target
    before = [setting.removeprefix(f"{pretext}s.") for setting in args.set if setting.startswith(f"{pretext}s.")]
    own = [setting for setting in args.set if not setting.startswith(f"{pretext}s.")]
    recipe = study.pretraining.base[args.recipe].with_settings(own)
    shared = [setting for setting in own if _is_of_the_encoder(recipe.full_key(setting.partition("=")[0]))]
    pretraining = study.pretraining.recipes[args.recipe].with_settings(shared + before)
    return {"target": study.target, "pretext": study.targets[pretext], "recipe": recipe, "pretraining": pretraining}


def _is_of_the_encoder(key: str) -> bool:
    """Return whether Base, Ours and the pre-training need the same value of a setting, as they have one encoder."""
    return key.startswith("network.") or key == "data.normalise"


def _new_run(args: argparse.Namespace, study: "Study") -> tuple["Run", "CutoutSet"]:
    from galviz.measure.linear_baseline import column_of
    from galviz.runs.run import Run

    out = Path(args.out)
    if (out / "run.json").exists():
        raise FileExistsError(
            f"out: expected a new run folder, got {out}, which holds a run. "
            "Continue it with --resume, or choose another."
        )
    if not args.data:
        raise ValueError(
            "data: expected the folder of a sky, got none. Make one with `galviz mock` or `galviz ingest`."
        )
    cutouts = _sky(args.data, study)
    target, recipe, encoder = _requested(args, study, cutouts)
    if encoder and not Path(encoder).is_file() and not Run.open(encoder).weights.exists():
        raise FileNotFoundError(
            f"encoder: expected a trained run, got {encoder}, which has no weights. Finish it first."
        )
    if encoder and not Path(encoder).is_file():
        _check_encoder(Run.open(encoder).recipe, recipe)
    for setting in ("offset", "weights", "errors", "vote_count", "columns"):
        named = getattr(recipe.data, setting)
        for column in filter(None, (named,) if isinstance(named, str) else named):
            column_of(cutouts.catalogue, column, setting)
    more = {"fingerprint": cutouts.fingerprint, "encoder": encoder}
    return Run.create(out, study=args.study, target=target, recipe=recipe, data=args.data, **more), cutouts


def _check_encoder(theirs: "Recipe", ours: "Recipe") -> None:
    """Raise a ValueError if the encoder of a run has another architecture than the one to be trained."""
    for name in ("architecture", "width", "stem", "stages"):
        have, want = (getattr(recipe.network, name) for recipe in (theirs, ours))
        if have != want:
            raise ValueError(
                f"encoder: expected one with network.{name}={want}, as the recipe {ours.name} has it, got {have}. "
                f"Pre-train by the same recipe (--recipe {ours.name}), or --set network.{name}={have}."
            )


def _old_run(args: argparse.Namespace, study: "Study") -> tuple["Run", "CutoutSet"]:
    from galviz.runs.run import Run

    run = Run.open(args.out)
    info = run.info
    if args.study != info["study"] and not (args.study == OWN and not args.data):
        raise ValueError(f"study: expected {info['study']}, as the run in {run.path} was made with, got {args.study}.")
    cutouts = _sky(args.data or run.data, study)
    if any((args.recipe, args.target, args.set, args.epochs, args.encoder, args.frozen)):
        target, recipe, encoder = _requested(args, study, cutouts)
        if (target, recipe, encoder) != (run.target, run.recipe, info.get("encoder")):
            raise ValueError(
                f"resume: expected the recipe, target and encoder that {run.path} was made with, got others. "
                "Leave them out, or train into a new folder without --resume."
            )
    if cutouts.fingerprint != info["fingerprint"]:
        raise ValueError(
            f"data: expected the sky that {run.path} was trained on, got {args.data or run.data}, which differs. "
            "Give the same sky with --data, or train into a new folder."
        )
    return run, cutouts


def _devices_found() -> list[dict[str, Any]]:
    import psutil
    import torch

    memory = psutil.virtual_memory()
    found = [("cpu", f"{platform.machine()}, {os.cpu_count()} cores", memory.total, memory.available)]
    for k in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(k)
        found.append((f"cuda:{k}", torch.cuda.get_device_name(k), total, free))
    if torch.backends.mps.is_available():
        found.append(("mps", "Apple GPU, which shares the memory", memory.total, memory.available))
    return [
        {"device": device, "name": name, "memory_mb": total // 2**20, "free_mb": free // 2**20}
        for device, name, total, free in found
    ]
