"""Text from data never runs as script: every place that shows it is fed with HTML, quotes and signs of templates.

`evil` marks a text with the place where it stands. `Watched.sees` waits until a page shows it character by character;
when a page closes, no script may have run and no element may have come of it.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import nbformat
import numpy as np
import pandas as pd
import pytest
from at_once import random_gan, random_run
from pages import free_port

from galviz.pages.explorer import labels_of
from galviz.runs.predictions import Predictions
from galviz.runs.recipe import Recipe
from galviz.runs.run import Run
from galviz.sky import galaxy_zoo
from galviz.sky.cutouts import CutoutSet
from galviz.studies import mergers, richness
from galviz.tools.labels.core import Labels
from galviz.work.sweep import Plan, Sweep

pytestmark = [pytest.mark.slow, pytest.mark.browser]

ROOT = Path(__file__).resolve().parents[2]
ROWS = 24
FACETS = ("]", "}", "@", "{x}", "$$a$$", "\\(a\\)", "two\nlines", "n" * 300, "\u202eright\u05d0", "x", "y", "index")
"""Names of columns that mean something to Bokeh, HoloViews, Tabulator or a browser."""

# Remember every script that ran, on whatever page.
TRAP = "Object.defineProperty(window, 'pwned', { set: (value) => window.ran(String(value)) })"

# Every element, in shadow roots too.
WALK = """const all = []
  const walk = (root) => root.querySelectorAll('*').forEach((one) => {
    all.push(one)
    if (one.shadowRoot) walk(one.shadowRoot)
  })
  walk(document)"""

# What can be read: text, values, attributes that are read aloud or float over, and the words on canvases.
TEXTS = f"""() => {{ {WALK}
  const texts = [document.title]
  const read = ['aria-label', 'title', 'placeholder', 'alt']
  for (const one of all) {{
    if (['SCRIPT', 'STYLE'].includes(one.tagName)) continue
    texts.push(...[...one.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data))
    texts.push(one.value ?? '', ...read.map((name) => one.getAttribute(name) ?? ''))
  }}
  for (const document of window.Bokeh?.documents ?? []) for (const model of document._all_models.values()) {{
    const {{ text, axis_label, title, factors }} = model.attributes
    if (['Title', 'LinearAxis', 'LogAxis', 'CategoricalAxis', 'ColorBar', 'FactorRange'].includes(model.type))
      texts.push(...[text, axis_label, title, ...(factors ?? [])].filter((one) => typeof one === 'string'))
  }}
  return texts.join('\\n')
}}"""

# Elements that came of text, and panes that read text as Markdown.
BORN = f"""() => {{ {WALK}
  const born = all.filter((one) => one.matches('img[src="x"], [onerror], .markdown'))
  return born.map((one) => one.outerHTML.slice(0, 200))
}}"""


def inside(css):
    """As `TEXTS`, of the elements of a class alone."""
    return f"""() => {{ {WALK}
      const text = (node) => [...node.childNodes].map((one) => one.nodeType === 3 ? one.data
        : one.tagName === 'STYLE' ? '' : text(one)).join('')
      return all.filter((one) => one.matches({css!r})).map((one) => text(one.shadowRoot ?? one)).join('\\n')
    }}"""


TIPS, MENU, TABULATOR, REPAIRS = map(inside, (".bk-Tooltip", ".bk-menu", ".tabulator", ".repairs, .measures"))
"""What floats over a page, a list of options, a table, and what best fits say."""

ALERTS = inside("[role=alert]")
"""Why something was refused."""


def evil(place):
    """A text that runs as script where it is taken for HTML, and means something to templates."""
    return f"""'"><img src=x onerror="window.pwned=1">{{{{7*7}}}}@{{x}}$$a$$[{place}]"""


class Watched:
    """A page, and the places whose text it has shown."""

    tried: set[tuple[str, str]] = set()  # noqa: RUF012 - of all pages together

    def __init__(self, driven, where):
        self.driven, self.page, self.where = driven, driven.page, where

    def sees(self, *places, on=TEXTS):
        """Wait until the texts of these places are shown as they were written."""

        def holds():
            shown = self.page.evaluate(on).replace("\u2060", "")
            missing = [place for place in places if evil(place) not in shown]
            return not missing or pytest.fail(f"{self.where}: not shown: {missing}", pytrace=False)

        def patient():
            try:
                return holds()
            except pytest.fail.Exception as error:
                raise RuntimeError(str(error)) from None

        self.driven.until(patient, 60)
        self.tried.update((self.where, place) for place in places)

    def sees_last(self, place):
        """Wait until the text of an id is shown that stands in the last row of a gallery."""

        def holds():
            galleries = self.page.locator(".galviz-gallery .view")
            galleries.evaluate_all("all => all.forEach((one) => one.scrollTo(0, 1e6))")
            return evil(place) in self.page.evaluate(TEXTS).replace("\u2060", "")

        self.driven.until(holds, 60)
        self.tried.add((self.where, place))

    def titled(self, *wanted):
        """Wait until figures have these titles."""

        def holds():
            found = {one["title"].replace("\u2060", "") for one in self.driven.figures()}
            if set(wanted) <= found:
                return True
            raise RuntimeError(f"expected {wanted}, got {found}")

        self.driven.until(holds, 60)

    def open_view(self, path):
        """Open a saved view; a browser does not take a file of the same name again."""
        for files in ([], path):
            self.page.locator("input[type=file][accept='.json']").set_input_files(files)

    def tab(self, name):
        self.page.get_by_role("tab", name=name, exact=True).click()
        self.where = f"{self.where.partition(':')[0]}: {name}"

    def fill(self, label, value):
        field = self.page.get_by_label(label, exact=True).first
        field.fill(str(value))
        field.press("Enter")

    def card(self, title):
        self.page.get_by_text(title, exact=True).locator("visible=true").first.click()


class Driven:
    """As that of the dashboards, of a page that is not ours: its own errors do not count."""

    def __init__(self, page):
        self.page = page

    def until(self, holds, seconds=120):
        end, last = time.time() + seconds, None
        while time.time() < end:
            try:
                if last := holds():
                    return last
            except Exception as error:  # noqa: BLE001 - asked again
                last = error
            self.page.wait_for_timeout(300)
        shown_text = self.page.locator(".jp-OutputArea").all_inner_texts()
        pytest.fail(f"waited in vain; last seen: {last!r}; {shown_text}")


@pytest.fixture
def watch(open_page, server):
    """Opener of pages ``watch("explore", query…)``."""
    ran, opened = [], []

    def make(dashboard, **query):
        driven = open_page("about:blank")
        driven.page.expose_function("ran", lambda value: ran.append(value))  # noqa: PLW0108 - playwright takes no builtin
        driven.page.add_init_script(TRAP)
        driven.page.goto(f"http://127.0.0.1:{server.port}/{dashboard}?{urlencode(query)}")
        opened.append(driven)
        return Watched(driven, dashboard)

    yield make
    for driven in opened:
        assert driven.page.evaluate(BORN) == []
    assert ran == []
    print(f"\n{len(Watched.tried)} places tried")


def bad_sky(make_sky, bands, word):
    """A sky with a text to run in every place that takes one."""
    first = make_sky(ROWS)
    ids = [evil(f"{word} id"), *(f"{word}{k}" for k in range(1, ROWS))]
    table = first.catalogue.set_axis(pd.Index(ids, name="object_id"))
    rng = np.random.default_rng(1)
    table[evil(f"{word} column")] = rng.uniform(0, 1, ROWS)
    table[evil(f"{word} class")] = [evil(f"{word} cell"), "spiral"] * (ROWS // 2)
    sources = pd.DataFrame({"object_id": ids[0], "x": [4.0], "y": [4.0], "kind": [evil(f"{word} kind")]})
    given = {"images": first.images[:][:, : len(bands)], "bands": bands, "catalogue": table, "sources": sources}
    return CutoutSet(**given, pixel_scale=0.396, unit="nanomaggy", origin=evil(f"{word} origin"))


def told_votes(ids):
    rng = np.random.default_rng(0)
    each = np.concatenate([rng.dirichlet(np.ones(len(q.answers)), len(ids)) for q in galaxy_zoo.QUESTIONS], axis=1)
    table = pd.DataFrame(galaxy_zoo.cumulative(each), columns=galaxy_zoo.COLUMNS, index=ids)
    return Predictions(table.join(table.add_suffix("_true")).assign(fold=0), mergers.TARGET)


def learned(run, ids, word):
    """Leave what a training leaves, with words of a stranger in each file."""
    rows = [
        {"epoch": k, "step": k, "train_loss": 1 / k, "val_loss": 2 / k, f"val_{evil('metric')}": 3 / k} for k in (1, 2)
    ]
    pd.DataFrame(rows).to_csv(run.path / "metrics.csv", index=False)
    (run.path / "log.txt").write_text(f"first\n{evil('log')}\n")
    target = replace(richness.TARGET, label=evil("label"))
    recipe = run.info["recipe"] | {"name": evil("recipe")}
    run.update_info(target=target.to_json(), recipe=recipe)
    run.write_state(status="done", epochs=4, epoch=2)
    truth = np.linspace(3, 4, len(ids))
    rows = {"ln_richness": truth + 0.1, "ln_richness_true": truth, "ln_richness_sigma": 0.1, "fold": 0}
    run.save_predictions(Predictions(pd.DataFrame(rows, index=ids), target))


@pytest.fixture(scope="module")
def server(tmp_path_factory, make_sky, serve):
    """A server of all pages over skies, runs, a sweep and labels that a stranger has made."""
    folder = tmp_path_factory.mktemp("evil") / evil("folder")
    home = folder / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GALVIZ_HOME", str(home))
        sky = bad_sky(make_sky, richness.BANDS, "sky")
        sky.save(home / "skies" / evil("sky"))
        other = bad_sky(make_sky, (evil("band"), "g", "r"), "other")
        other.save(home / "skies" / evil("other sky"))
        shutil.copytree(home / "skies" / evil("sky"), home / "skies" / "spoiled")
        file = home / "skies" / "spoiled" / "galviz.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | {"unit": evil("unit")}))

        runs = home / "runs"
        run, _ = random_run(runs / evil("run"), sky, home / "skies" / evil("sky"))
        learned(run, sky.catalogue.index, "sky")
        waits, _ = random_run(runs / evil("run that waits"), sky, home / "skies" / evil("sky"))
        waits.weights.unlink()
        waits.write_state(status="failed", message=evil("message"))
        odd = shutil.copytree(waits.path, runs / "a run of an odd status") / "state.json"
        odd.write_text(json.dumps(json.loads(odd.read_text()) | {"status": evil("status")}))
        random_run(runs / evil("run of bands"), other, home / "skies" / evil("other sky"))
        random_gan(runs / evil("run of fits"), other, home / "skies" / evil("other sky"))
        made = {"study": "mergers", "target": mergers.TARGET, "recipe": mergers.RECIPES["quick"]}
        voted = Run.create(runs / evil("run of votes"), data=home / "skies" / evil("other sky"), **made)
        voted.save_predictions(told_votes(other.catalogue.index))
        voted.write_state(status="done")
        (runs / evil("half a run")).mkdir()
        (runs / evil("half a run") / "run.json").write_text("{")

        recipe = Recipe(
            name="tiny",
            epochs=4,
            batch=6,
            optimiser={"learning_rates": {"encoder": 1e-3, "head": 1e-3}},
            validation={"folds": 3},
        )
        given = {"study": "richness", "data": "sky", "fingerprint": "x", "recipe": recipe, "fractions": (1.0,)}
        given |= {
            "pretraining": recipe.replace(loss={"name": "cross_entropy"}),
            "trials": 1,
            "folds": (0,),
            "fold_wise": False,
        }
        given |= {"target": replace(richness.TARGET, label=evil("sweep label")), "pretext": richness.TARGETS["band"]}
        sweep = Sweep.create(home / "sweeps" / evil("sweep"), Plan(**given))
        names = [name for name, task in sweep.tasks.items() if task.cell]
        for name in names[:1]:
            one = sweep.prepare(name)
            learned(one, sky.catalogue.index, "sky")
            one.update_info(target=sweep.plan.target.to_json(), objects={"train": 20})
        sweep.prepare(names[1]).write_state(status="failed", message=evil("failure"))
        for labels in (Labels(), labels_of(home / "skies" / evil("sky"))):
            labels.set(sky.object_ids[0], evil("label of a person"))
    return serve("explore richness mergers inpainting occlusion", home=home)


def write_csv(path, columns):
    """Write a table as another program would, names in quotes where they need it."""
    pd.DataFrame(columns).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A table whose file, columns, ids and cells are texts to run, and other strange names."""
    rng = np.random.default_rng(0)
    columns = {"object_id": [evil("id"), *(f"o{k}" for k in range(1, ROWS))]}
    columns |= {evil("column"): np.linspace(0, 1, ROWS), evil("colour"): rng.uniform(0, 1, ROWS)}
    columns |= {evil("class"): [evil("cell"), "spiral"] * (ROWS // 2)}
    columns |= {name: rng.uniform(0, 1, ROWS) for name in FACETS}
    return write_csv(tmp_path_factory.mktemp("table") / f"{evil('file')}.csv", columns)


def test_the_explorer(watch, table):
    page = watch("explore")
    page.page.locator("input[type=file][accept*='.csv']").set_input_files(table)
    page.sees("file", "column", "colour", "class", "id")
    driven = page.driven

    # A plot with such names as axes, colour and title, and what a pointer over a point reads.
    page.fill("x", evil("column"))
    page.fill("Colour by", evil("colour"))
    coloured = "point_value"
    figure = driven.until(lambda: next((one for one in driven.figures() if coloured in str(one["lines"])), None))
    place = next(one["place"] for one in figure["points"] if one["id"] == evil("id"))
    page.page.mouse.move(*place)
    page.sees("column", "colour", "id", on=TIPS)
    page.page.mouse.move(0, 0)

    # A matrix of classes, and lists that open: of columns, and what is said of a field.
    page.page.get_by_role("combobox", name="Plot", exact=True).first.select_option("matrix")
    page.fill("x", evil("class"))
    page.fill("y", evil("class"))
    page.sees("class", "cell")
    field = page.page.get_by_label("x", exact=True).first
    field.fill("<img")
    page.sees("column", on=MENU)
    field.press("Escape")

    # The gallery, errors, subsets, steps, a saved view.
    driven.pane("Gallery")
    page.fill("Sort by", evil("order"))
    page.sees("order")
    page.page.get_by_role("button", name="More settings").click()
    page.fill("Show only", evil("filter"))
    page.fill("Select where", evil("condition"))
    page.sees("filter", "condition")
    page.fill("Show only", "")  # else only this is refused, and not the order of the saved view
    page.fill("Select where", "x > 0.5")
    page.fill("Name of a subset", evil("subset"))
    page.page.get_by_role("button", name="Save subset").click()
    page.sees("subset")
    driven.pane("Table")
    page.sees("column", "class", "cell", "id", on=TABULATOR)
    page.page.locator(".tabulator-col", has_text="[class]").first.hover()
    saved = table.parent / "view.json"
    view = {
        "kind": "galviz view",
        "state": {
            "columns": [{"name": evil("computed"), "expression": "x * 2"}],
            "plots": [{"x": evil("saved x")}],
            "gallery": {"order": evil("saved order")},
        },
    }
    saved.write_text(json.dumps(view))
    page.open_view(saved)
    page.sees("saved x", "saved order")
    page.sees("computed", on=TABULATOR)
    driven.pane("Columns")
    driven.until(lambda: f"Remove {evil('computed')}" in page.page.evaluate(TEXTS))
    saved.write_text(json.dumps({"kind": "galviz view", "state": {evil("key"): 0, "plots": [{evil("saved key"): 0}]}}))
    page.open_view(saved)
    page.sees("saved key")


def test_the_explorer_takes_any_name_of_a_column(watch, table):
    page = watch("explore")
    page.page.locator("input[type=file][accept*='.csv']").set_input_files(table)
    page.sees("file")
    page.driven.rests()  # a field of Bokeh takes no new value before it is drawn
    view = table.parent / "view.json"
    for name in FACETS:  # a newline cannot be typed
        plots = [{"x": name, "y": "x", "colour": name}, {"kind": "histogram", "x": name}]
        view.write_text(json.dumps({"kind": "galviz view", "state": {"plots": plots}}))
        page.open_view(view)
        wanted = {f"x against {name}: {ROWS} objects", f"{name}: {ROWS} objects"}
        page.titled(*wanted)
    page.tried.update(("explore", name) for name in FACETS)


def test_a_sky_opened_in_the_explorer(watch):
    state = {"of": evil("other sky"), "plots": [{"x": evil("address x")}], evil("address key"): 1}
    page = watch("explore", open=f"sky {evil('other sky')}", view=json.dumps(state))
    page.sees("other sky", "other origin", "other column", "other id", "band", "address x")
    page.driven.pane("Export")
    page.sees("folder")
    page.page.get_by_role("button", name="sources").click()
    page.sees("other kind")
    page.fill("Go to object_id", evil("nobody"))
    page.sees("nobody")
    finder = page.page.get_by_placeholder("Find an id")
    finder.fill(evil("sought"))
    finder.press("Enter")
    page.sees("sought", on=ALERTS)


def test_the_page_of_richness(watch):
    asked = {"sky": evil("sky"), "run": evil("run"), "object": evil("sky id")}
    page = watch(
        "richness", tab="data", data=json.dumps({"of": evil("sky"), "plots": [{evil("data key"): 1}]}), **asked
    )
    page.sees("sky", "sky origin", "sky id", "sky column", "label of a person", "data key")
    page.driven.pane("Table")
    page.sees("sky column", "sky cell", on=TABULATOR)
    page.tab("Train")
    page.sees("run", "metric", "run of bands", "sky")
    page.driven.pane("Log")
    page.sees("log")
    page.driven.pane("Progress")
    page.fill("Name of the new run", "/" + evil("new run"))
    page.page.get_by_role("button", name="Start training").click()
    page.sees("new run")
    page.page.get_by_label("Run", exact=True).select_option(evil("run that waits"))
    page.sees("message")
    page.page.get_by_label("Run", exact=True).select_option(evil("run"))
    page.tab("Predictions")
    page.sees("run", "label", "sky", "sky origin", "sky id", "sky column")
    page.driven.pane("Diagnostics")
    page.page.get_by_role("combobox", name="Diagnostics", exact=True).select_option("another run")
    page.sees("run that waits")
    page.page.get_by_role("combobox", name="Diagnostics", exact=True).select_option("worst slices")
    page.page.get_by_text("slices").last.wait_for()
    page.tab("Why")
    page.sees("run", "sky id", "label", "sky kind")
    page.tab("Runs")
    page.sees("run", "recipe", "status", "metric", "half a run", "run that waits", "sky")
    page.page.locator(".tabulator-row", has_text="[run that waits]").first.click()
    page.driven.until(lambda: page.page.get_by_text("Selected:").inner_text().endswith("[run that waits]"))
    page.page.get_by_role("button", name="Remove it", exact=True).click()
    page.page.get_by_role("button", name="for good?").wait_for(timeout=30_000)
    page.sees("run that waits")
    page.tab("Labels")
    page.sees("sweep", "sweep label", "failure")


def test_a_sky_that_is_refused_and_one_that_is_made(watch):
    page = watch("richness", sky="spoiled", tab="data")
    page.sees("unit")
    page = watch("richness", sky=evil("sky"), tab="data")
    page.driven.drawer("right", "Make or open another sky")
    page.fill("Name", evil("sky"))
    page.page.get_by_role("button", name="Make a synthetic sky").click()
    page.page.get_by_text("expected a name for a new folder").wait_for()
    page.sees("sky", "folder")


def test_the_page_of_mergers(watch, table):
    page = watch("mergers", run=evil("run of votes"), tab="threshold", bins=evil("bins"), object=evil("object"))
    page.sees("run of votes", "other origin", "bins")
    page.sees_last("other id")
    page.page.locator("input[type=file]").first.set_input_files(table)
    page.sees("file", "column")
    page.sees_last("id")
    page.fill("Fraction by", f"col({evil('colour')!r})")
    page.sees("colour")
    page.card("Explore the same table: plots, pictures, exports")
    page.sees("class", "colour")
    page.tab("Predictions")
    page.sees("run of votes", "other id", "other origin")
    page.driven.pane("All questions")
    page.card("Prototypes: the object with the highest vote for each answer")
    page.tab("Runs")
    page.sees("run of votes")


def test_the_page_of_best_fits(watch):
    page = watch("inpainting", run=evil("run of fits"), object=evil("other id"), steps=3, objects=2)
    page.sees("run of fits", "band", "other id", "other column")
    page.page.locator("div[role=status]", has_text="done: 3 steps").wait_for()
    page.sees("band", "other id", on=REPAIRS)
    page.tab("Latents")
    page.sees("run of fits")


def test_the_page_of_occlusion(watch):
    page = watch("occlusion", run=evil("run of bands"), object=evil("other id"), asked='{"band": "' + "'" + '"}')
    page.driven.drawer("right")
    page.sees("run of bands", "run", "other id", "band", "other kind", "other column", "other origin", "other sky")
    page.page.locator(".galviz-occlusion .readout", has_text="unchanged image:").wait_for()


NOTEBOOK = """
import ipywidgets as W, pandas as pd
from pathlib import Path
from galviz.tools.labels.core import Labels
from galviz.io.paths import home
from galviz.runs.run import list_runs
from galviz.sky.cutouts import CutoutSet
from galviz.io.tables import read_table
from galviz.tools.gallery.widget import GalleryWidget
from galviz.tools.occlusion.widget import OcclusionWidget
from galviz.tools.repair.widget import RepairWidget
from galviz.tools.threshold.widget import ThresholdWidget
from galviz.tools.training.widget import TrainingWidget

runs = {run.name.rpartition("[")[2].rstrip("]"): run for run in list_runs(home() / "runs")[0]}
table = read_table(TABLE).table
sky = CutoutSet.open(runs["run"].data)
gallery = GalleryWidget(sky, labels=Labels(), captions=list(sky.catalogue), keys={"g": KEY})
threshold = ThresholdWidget(table[[name for name in table if name.endswith("[column]")]])
fits = RepairWidget(runs["run of fits"], steps=2)
W.VBox([TrainingWidget(runs["run that waits"].path), TrainingWidget(runs["run"].path), gallery,
        GalleryWidget(None, table, captions=list(table)[:3]), threshold, OcclusionWidget(runs["run of bands"]), fits])
"""


@pytest.fixture
def lab(server, table, tmp_path):
    """The address of a notebook with all widgets, in a JupyterLab of its own."""
    code = NOTEBOOK.replace("TABLE", repr(str(table))).replace("KEY", repr(evil("key")))
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "python3"}
    nbformat.write(notebook, tmp_path / "all.ipynb")
    port = free_port()
    folders = {name: str(tmp_path / name) for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR")}
    env = os.environ | folders | {"PYTHONPATH": str(ROOT), "GALVIZ_HOME": str(server.home), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", f"--port={port}", "--allow-root"]
    command += ["--IdentityProvider.token=", f"--ServerApp.root_dir={tmp_path}", "--LabApp.expose_app_in_browser=True"]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=env)
    yield f"http://127.0.0.1:{port}/lab/tree/all.ipynb?reset"
    process.terminate()
    process.wait(20)


def test_the_widgets_of_a_notebook(lab, chromium):
    page, ran = chromium.new_page(viewport={"width": 1500, "height": 3000}), []
    page.expose_function("ran", lambda value: ran.append(value))  # noqa: PLW0108 - as above
    page.add_init_script(TRAP)
    driven = Driven(page)
    driven.until(lambda: page.goto(lab), 60)
    page.locator(".jp-Notebook .jp-Cell").first.wait_for()
    prompt = page.locator(".jp-Notebook .jp-InputPrompt").first

    def runs():  # what is asked before there is a kernel is lost
        if not any(sign in prompt.inner_text() for sign in "*1"):
            page.evaluate("() => { jupyterapp.commands.execute('notebook:run-all-cells') }")
            page.wait_for_timeout(2000)
        return any(sign in prompt.inner_text() for sign in "*1")

    driven.until(runs)
    watched = Watched(driven, "notebook")
    watched.sees("message", "sky id", "sky column", "sky cell", "label of a person", "key")
    watched.sees("column", "id", "class", "cell", "other id", "band", "other kind")
    page.get_by_text("done: 2 steps").wait_for(timeout=120_000)
    watched.sees("band", "other id", on=REPAIRS)
    assert page.evaluate(BORN.replace(", .markdown", "")) == []
    assert ran == []
    page.close()
    print(f"\n{len(Watched.tried)} places tried")
