"""The front door for notebooks: open, train, predict, explore and explain in one call each."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd
import panel as pn

from galviz import studies
from galviz.io.paths import home
from galviz.pages.explorer import Explorer
from galviz.pages.folders import free_name
from galviz.pages.open_any import open_any
from galviz.pages.results.view import pair_plots
from galviz.runs.predictions import Predictions
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.tools.labels.core import Labels
from galviz.tools.occlusion.widget import OcclusionWidget
from galviz.tools.selection.core import Selection
from galviz.tools.training.widget import TrainingWidget
from galviz.work import processes
from galviz.work.sweep import runs_at

Sky = CutoutSet | str | Path


def train(
    sky: Sky,
    target: str | Sequence[str] = "",
    *,
    study: str = "own",
    recipe: str = "quick",
    task: str = "",
    positive: str = "",
    encoder: str | Path = "",
    device: str = "",
    out: str | Path | None = None,
    **settings: Any,
) -> TrainingWidget:
    """Start a training as a process, and return at once.

    Parameters
    ----------
    sky : CutoutSet, str or Path
        The images, and the catalogue with the target's columns. A set that is not on disk is saved in
        `galviz.io.paths.home` first.
    target : str or sequence of str
        A column, or several that are learned together; with a `study` also the name of one of its targets.
    study : str
        A preset of a paper, such as ``"richness"``; ``"own"`` is your own column.
    recipe : str
        ``"quick"``, ``"best"``, or another of the study's.
    task, positive
        As in `galviz.tasks.guess.guess`.
    encoder : str or Path
        A run, or a file of weights, to start from.
    device : str
        ``"cpu"``, ``"cuda:0"``, …; by default the best there is.
    out : str or Path, optional
        The new run folder; by default one in `galviz.io.paths.home`.
    **settings
        Changes to the recipe: ``epochs=5``, ``folds=4``.

    Returns
    -------
    TrainingWidget
        Shows the progress as the last line of a cell. Its ``wait()``, ``stop()`` and ``predictions()`` can be called at
        any time.
    """
    columns = target if isinstance(target, str) else ",".join(f'"{name}"' if "," in name else name for name in target)
    folder = home() / "runs" / free_name(home() / "runs", f"{columns or study}-{recipe}") if out is None else Path(out)
    command = ["train", study, "--data", str(_on_disk(sky)), "--out", str(folder), "--recipe", recipe]
    given = {
        "--target": columns,
        "--task": task,
        "--positive": positive,
        "--encoder": str(encoder),
        "--devices": device,
    }
    command += [f"{name}={value}" for name, value in given.items() if value]
    command += ["--set", *(f"{name}={_written(value)}" for name, value in settings.items())] if settings else []
    processes.start(command, folder)
    return TrainingWidget(folder)


def follow(run: Run | str | Path) -> TrainingWidget:
    """Return the live view of a run that was started before, here or anywhere else."""
    return TrainingWidget(run.path if isinstance(run, Run) else run)


Trained = Run | TrainingWidget | str | Path


def predict(run: Trained | Sequence[Trained], sky: Sky, *, held_out: bool = False) -> Predictions:
    """Apply a trained run to images, in this process.

    Parameters
    ----------
    run : Run, TrainingWidget, str or Path, or a sequence of them
        A run; or several, or a sweep: their mean, and how far they differ (`galviz.runs.ensemble.combined`).
    sky : CutoutSet, str or Path
    held_out : bool
        Predict each object only by networks that were not trained on it.
    """
    several = [run] if isinstance(run, Run | TrainingWidget | str | Path) else run
    runs = [each for one in several for each in (runs_at(one) if isinstance(one, str | Path) else [_run(one)])]
    return studies.predict_together(runs, _sky(sky), held_out=held_out)


def explore(
    what: Run | TrainingWidget | CutoutSet | pd.DataFrame | str | Path, images: Sky | None = None
) -> pn.viewable.Viewable:
    """Return linked plots, gallery and pictures.

    Parameters
    ----------
    what : Run, CutoutSet, DataFrame, str or Path
        A run (its predictions are shown), a sky, a table indexed by `object_id`, or the path of any of them, or of a
        table in a file.
    images : CutoutSet, str or Path, optional
        Images of the objects of a table.
    """
    if isinstance(what, Run | TrainingWidget) or _holds_run(what):
        run = _run(what)
        predictions, cutouts = run.predictions(), _sky_of(run)
        if predictions is None:
            raise ValueError(
                f"run: expected one with predictions, got {run.name}, which has none yet. Wait for its end."
            )
        view = import_module(f"galviz.pages.results.{run.target.task}").View
        return view(predictions, Selection(), cutouts, run)
    cutouts = None if images is None else _sky(images)
    if isinstance(what, CutoutSet):
        return Explorer(what.catalogue, what, labels=Labels())
    if isinstance(what, pd.DataFrame):
        return Explorer(what, cutouts, labels=Labels())
    opened = open_any(what)
    plots = pair_plots(opened.table, opened.pair)
    return Explorer(opened.table, opened.cutouts or cutouts, plots=plots, labels=Labels(), units=opened.units)


def explain(run: Run | TrainingWidget | str | Path, object_id: str, **settings: Any) -> OcclusionWidget:
    """Return the occlusion map of a prediction, as a `galviz.tools.occlusion.widget.OcclusionWidget`."""
    return OcclusionWidget(_run(run), object_id=object_id, **settings)


def _run(run: Run | TrainingWidget | str | Path) -> Run:
    if isinstance(run, Run):
        return run
    return Run.open(run.path if isinstance(run, TrainingWidget) else run)


def _holds_run(what: object) -> bool:
    return isinstance(what, str | Path) and (Path(what) / "run.json").exists()


def _sky(sky: Sky) -> CutoutSet:
    return sky if isinstance(sky, CutoutSet) else CutoutSet.open(sky)


def _sky_of(run: Run) -> CutoutSet | None:
    try:
        return CutoutSet.open(run.data)
    except (OSError, ValueError):
        return None  # predictions can be explored without images


def _on_disk(sky: Sky) -> Path:
    """Return the folder of a sky; one that is only in memory is saved under its fingerprint."""
    if not isinstance(sky, CutoutSet):
        return Path(sky)
    if sky.path is not None:
        return sky.path
    folder = home() / "skies" / f"notebook-{sky.fingerprint[:12]}"
    return folder if folder.exists() else sky.save(folder)


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
