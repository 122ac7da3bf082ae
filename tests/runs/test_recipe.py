import json
import re
from dataclasses import FrozenInstanceError
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from galviz.runs.recipe import ARCHITECTURES, Network, Recipe
from galviz.runs.settings import about, declared, parsed, text_of, type_text

PAGE = Path(__file__).parents[2] / "docs" / "recipe.md"
GROUPS = ("network", "optimiser", "loss", "data", "validation", "fit")
SETTINGS = dict(declared(Recipe))


def recipe(**changes):
    fields = {
        "name": "quick",
        "epochs": 3,
        "batch": 32,
        "network": {"width": 16, "head": "compact"},
        "optimiser": {"learning_rates": {"encoder": 1e-3, "head": 1e-2}},
    }
    return Recipe(**fields | changes)


def value_of(made, key):
    return made.flat()[key]


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("epochs=30", "epochs", 30),
        (" epochs = 30 ", "epochs", 30),
        ("optimiser.momentum=0", "optimiser.momentum", 0.0),
        ("weight_decay=1e-4", "optimiser.weight_decay", 1e-4),
        ("optimiser.name=sgd", "optimiser.name", "sgd"),
        ("optimiser=sgd", "optimiser.name", "sgd"),
        ("loss=mse_std", "loss.name", "mse_std"),
        ("learning_rates.head=1e-5", "optimiser.learning_rates.head", 1e-5),
        ("optimiser.learning_rates.head=1e-5", "optimiser.learning_rates.head", 1e-5),
        ("normalise=noise", "data.normalise", "noise"),
        ("folds=4", "validation.folds", 4),
        ("validation.folds=4", "validation.folds", 4),
        ("frozen=true", "optimiser.frozen", True),
        ("replicate=True", "network.replicate", True),
        ("network.apart=False", "network.apart", False),
        ("augment=d4", "data.augment", ("d4",)),
        ("augment=d4, seeing", "data.augment", ("d4", "seeing")),
        ("data.offset=z", "data.offset", "z"),
        ("network.width=8", "network.width", 8),
        ("head=as_published", "network.head", "as_published"),
        ("name=a=b", "name", "a=b"),
    ],
)
def test_a_text_changes_one_setting_and_has_its_type(text, key, value):
    before = recipe()
    changed = before.with_settings([text])
    assert value_of(changed, key) == value
    assert type(value_of(changed, key)) is type(value)
    assert {k for k, v in changed.flat().items() if before.flat()[k] != v} == {key}


def test_every_setting_can_be_given_by_its_short_key():
    for key in recipe().flat():
        short = key.removesuffix(".name") if key.endswith(".name") else key.partition(".")[2] or key
        assert recipe().full_key(short) == recipe().full_key(key) == key


def test_texts_add_up_in_order():
    changed = recipe().with_settings(["epochs=5", "learning_rates.head=0.5", "learning_rates.encoder=0.1", "epochs=6"])
    assert changed.epochs == 6
    assert changed.optimiser.learning_rates == {"encoder": 0.1, "head": 0.5}


def test_a_number_written_without_a_point_takes_a_point():
    whole = recipe(loss={"alpha": 0}, optimiser={"learning_rates": {"encoder": 1, "head": 1}})
    changed = whole.with_settings(["alpha=0.5", "learning_rates.head=1e-3"])
    assert changed.loss.alpha == 0.5
    assert changed.optimiser.learning_rates["head"] == 1e-3


def test_numbers_of_numpy_are_numbers():
    made = recipe(epochs=np.int64(4), loss={"alpha": np.float32(0.5)})
    assert json.dumps(made.to_json())
    assert (made.epochs, made.loss.alpha) == (4, 0.5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epoch=3", "set: expected a setting of the recipe, got 'epoch'. Similar names: epochs"),
        ("learning_rate.head=1", "got 'learning_rate.head'. Similar names: optimiser.learning_rates.head"),
        ("learning_rates.body=1", "got 'learning_rates.body'. Similar names: optimiser.learning_rates."),
        ("network.widht=8", "set: expected a setting of the recipe, got 'network.widht'. Similar names: network.width"),
        ("fodls=8", "got 'fodls'. Similar names: validation.folds"),
        ("network=8", "set: expected a setting of the recipe, got 'network'"),
        ("epochs.x=3", "set: expected a setting of the recipe, got 'epochs.x'"),
        ("epochs", "set: expected key=value, got 'epochs'"),
        ("epochs=", "epochs: expected a whole number, got ''"),
        ("epochs=3.5", "epochs: expected a whole number, got '3.5'"),
        ("epochs=many", "epochs: expected a whole number, got 'many'"),
        ("alpha=much", "loss.alpha: expected a number, got 'much'"),
        ("learning_rates.head=fast", "optimiser.learning_rates.head: expected a number, got 'fast'"),
        ("network.width=wide", "network.width: expected a whole number, got 'wide'"),
        ("frozen=yes", "optimiser.frozen: expected true or false, got 'yes'"),
        ("loss=hinge", "loss.name: expected one of mse, mae, huber, rmse, mse_std, gaussian_nll, cross_entropy, focal"),
        ("latent=3", "network.latent: expected none for the architecture resnet18"),
        ("latent=64", "network.latent: expected none for the architecture resnet18"),  # its default
        ("restarts=1", "fit.restarts: expected none for the architecture resnet18"),
        ("fit.prior=1", "fit.prior: expected none for the architecture resnet18"),
    ],
)  # fmt: skip
def test_a_bad_text_is_named(text, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        recipe().with_settings([text])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "epochs: expected at least 1, got 0"),
        ({"epochs": "3"}, "epochs: expected a whole number, at least 1, got '3'"),
        ({"epochs": True}, "epochs: expected a whole number"),
        ({"batch": 0}, "batch: expected at least 1, got 0"),
        ({"seed": -1}, "seed: expected at least 0, got -1"),
        ({"data": {"tta": 9}}, "data.tta: expected 1 to 8, got 9"),
        ({"data": {"augment": "d4"}}, "data.augment: expected some of d4, turn, zoom, mirror, seeing, got 'd4'"),
        ({"data": {"augment": ("shear",)}}, "expected some of d4, turn, zoom, mirror, seeing, got 'shear'"),
        ({"data": {"label_fraction": 0.0}}, "data.label_fraction: expected a number in (0, 1], got 0.0"),
        ({"data": {"label_fraction": 1.5}}, "data.label_fraction: expected a number in (0, 1], got 1.5"),
        ({"data": {"repeat": 1}}, "data.repeat: expected true or false, got 1"),
        ({"loss": {"joint": -1}}, "loss.joint: expected at least 0, got -1"),
        ({"loss": {"calibration": 0.2}}, "loss.calibration: expected 0 with the loss mse, got 0.2"),
        ({"loss": {"alpha": float("inf")}}, "loss.alpha: expected a finite number, got inf"),
        ({"validation": {"folds": -1}}, "validation.folds: expected at least 0, got -1"),
        ({"validation": {"folds": 1, "keep": "best"}}, "validation.folds: expected at least 2, or 0, got 1"),
        ({"validation": {"folds": 1, "patience": 3}}, "validation.folds: expected at least 2, or 0, got 1"),
        ({"validation": {"folds": 1, "stop_after": 3}}, "validation.folds: expected at least 2, or 0, got 1"),
        ({"validation": {"folds": 5, "fold": 5}}, "validation.fold: expected 0 to 4, got 5"),
        ({"validation": {"fold": -1}}, "validation.fold: expected at least 0, got -1"),
        ({"validation": {"patience": -1}}, "validation.patience: expected at least 0, got -1"),
        ({"validation": {"factor": 0}}, "validation.factor: expected a number in (0, 1], got 0.0"),
        ({"validation": {"factor": 2}}, "validation.factor: expected a number in (0, 1], got 2.0"),
        ({"optimiser": {"average": 1}}, "optimiser.average: expected a number in [0, 1), got 1.0"),
        ({"optimiser": {"learning_rates": {"head": -1.0}}}, "learning_rates.head: expected a positive number, got -1"),
        ({"optimiser": {"learning_rates": {"head": float("nan")}}}, "expected a positive number, got nan"),
        ({"network": {"stages": 9}}, "network.stages: expected 1 to 4, got 9"),
        ({"network": {"clip": -1.0}}, "network.clip: expected at least 0, got -1"),
        ({"network": {"widht": 3}}, "network: expected settings among architecture, pretrained, pooling, "),
        ({"network": 3}, "network: expected settings by name, got 3"),
        *(
            ({key.partition(".")[0]: {key.partition(".")[2]: "An Other"}}, f"{key}: expected one of")
            for key, one in SETTINGS.items()
            if "." in key and about(one).choices and one.type is str
        ),
    ],
)  # fmt: skip
def test_bad_values_are_named(changes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        recipe(**changes)


def test_a_recipe_cannot_be_changed():
    given_rates = {"encoder": 1e-3}
    made = recipe(optimiser={"learning_rates": given_rates})
    with pytest.raises(FrozenInstanceError):
        made.epochs = 5
    with pytest.raises(FrozenInstanceError):
        made.network.width = 5
    given_rates["encoder"] = 5.0
    assert made.optimiser.learning_rates == {"encoder": 1e-3}
    made.with_settings(["network.width=99"])
    assert made.network.width == 16


def test_replace_changes_what_it_names_in_a_group():
    made = recipe(validation={"folds": 4, "fold": 2})
    changed = made.replace(epochs=9, validation={"folds": 3}, optimiser={"learning_rates": {"head": 1.0}})
    assert (changed.epochs, changed.validation.folds, changed.validation.fold) == (9, 3, 2)
    assert changed.optimiser.learning_rates == {"head": 1.0}
    assert changed.replace(validation=made.validation).validation == made.validation
    with pytest.raises(ValueError, match=r"recipe: expected settings among name, .* got 'folds'"):
        made.replace(folds=3)
    with pytest.raises(ValueError, match=r"validation\.fold: expected 0 to 1, got 2"):
        made.replace(validation={"folds": 2})


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_an_option_of_another_architecture_is_refused(architecture):
    network = Network(architecture=architecture)
    used = {one.name for one in network.used_fields()}
    other = {"width": 7, "stem": "fine", "stages": 2, "votes": "sigmoid", "latent": 3, "apart": False, "dropout": 0.5}
    for name, value in other.items():
        if name in used:
            assert getattr(network.replace(**{name: value}), name) == value
        else:
            with pytest.raises(ValueError, match=f"network.{name}: expected none for the architecture {architecture}"):
                network.replace(**{name: value})
            assert f"network.{name}" not in network.flat()
            assert name not in network.to_json()


def test_another_architecture_leaves_out_the_options_that_it_lacks():
    made = recipe(network={"width": 16, "stages": 2, "apart": False})
    wide = made.with_settings(["network.architecture=wide_resnet50"])
    assert wide.network == Network(architecture="wide_resnet50", apart=False)
    with pytest.raises(ValueError, match=r"network\.width: expected none for the architecture wide_resnet50"):
        made.with_settings(["network.architecture=wide_resnet50", "network.width=8"])


def test_only_a_gan_has_settings_of_best_fits():
    gan = recipe(network={"architecture": "lsgan"}, fit={"restarts": 4}).with_settings(["regressor=tpot"])
    assert (gan.flat()["fit.restarts"], gan.to_json()["fit"]["regressor"]) == (4, "tpot")
    assert Recipe.from_json(gan.to_json()) == gan
    before = {name: value for name, value in gan.to_json().items() if name != "fit"}  # a run of an earlier version
    assert Recipe.from_json(before) == gan.replace(fit={"restarts": 1, "regressor": "boosting"})
    other = gan.with_settings(["network.architecture=resnet18"])
    assert other == recipe(network={})
    assert not any(key.startswith("fit") for key in (*other.flat(), *other.to_json()))


@pytest.mark.parametrize(
    ("network", "task", "message"),
    [
        ({"votes": "sigmoid"}, "regression", "network.votes: expected none for regression, got 'sigmoid'"),
        ({"stages": 2}, "votes", "network.stages: expected none for votes, got 2"),
        ({"architecture": "paper_cnn"}, "classification", "expected one of resnet18, wide_resnet50 for"),
        ({"architecture": "lsgan"}, "votes", "network.architecture: expected one of resnet18, paper_cnn"),
    ],
)  # fmt: skip
def test_an_option_of_another_task_is_refused(network, task, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Network(**network).check_task(task)


def one_value(one):
    known = about(one)
    if one.type is bool:
        return st.booleans()
    if one.type is str:
        return st.sampled_from(known.choices) if known.choices else st.text()
    if one.type is int:
        return st.integers(known.low or 0, known.high or 1000)
    if one.type is float:
        low, high = (0.0 if end is None else end for end in known.ends)
        return st.floats(low, high or 1e6, exclude_min=known.above is not None, exclude_max=known.below is not None)
    if one.type == tuple[str, ...]:
        names = st.sampled_from(known.choices) if known.choices else st.text()
        return st.lists(names, unique=True).map(tuple)
    return st.dictionaries(st.text(max_size=5), st.floats(1e-9, 10))


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_json_and_back(data):
    """Any recipe, of any architecture, comes back as it was."""
    architecture = data.draw(st.sampled_from(list(ARCHITECTURES)))
    used = {f"network.{one.name}" for one in Network(architecture=architecture).used_fields()}
    drawn = {}
    for key, one in SETTINGS.items():
        group, _, name = key.rpartition(".")
        if (group != "network" or key in used) and (group != "fit" or architecture == "lsgan"):
            value = architecture if key == "network.architecture" else data.draw(one_value(one), key)
            (drawn.setdefault(group, {}) if group else drawn)[name] = value
    drawn["validation"] |= {"folds": 7, "fold": drawn["validation"]["fold"] % 7}
    drawn["loss"]["calibration"] *= drawn["loss"]["name"] == "gaussian_nll"
    made = Recipe(**drawn)
    assert Recipe.from_json(json.loads(json.dumps(made.to_json()))) == made
    again = made
    for key, value in made.flat().items():
        if key in SETTINGS and SETTINGS[key].type in (int, float, bool):
            assert parsed(key, text_of(value), SETTINGS[key].type) == value
            again = again.with_settings([f"{key}={text_of(value)}"])
    assert again == made


def test_json_of_another_version_is_named():
    content = recipe().to_json()
    with pytest.raises(
        ValueError, match=r"recipe: expected settings among .*, got 'warmup'. If a newer galviz made it"
    ):
        Recipe.from_json(content | {"warmup": 3})
    with pytest.raises(ValueError, match=r"optimiser: expected settings among .*, got 'warmup'"):
        Recipe.from_json(content | {"optimiser": {"warmup": 3}})
    del content["epochs"]
    with pytest.raises(ValueError, match=r"recipe: expected all settings without a default, got none of \['epochs'\]"):
        Recipe.from_json(content)


def test_settings_are_checked_together_whatever_their_order():
    given = ["calibration=0.2", "loss=gaussian_nll", "network.width=8"]
    first, second = recipe().with_settings(given), recipe().with_settings(given[::-1])
    assert first == second
    assert (first.loss.calibration, first.loss.name, first.network.width) == (0.2, "gaussian_nll", 8)
    with pytest.raises(ValueError, match=r"loss.calibration: expected 0 with the loss mse, got 0\.2"):
        first.with_settings(["loss=mse"])


def test_every_setting_is_explained_once():
    for key, one in SETTINGS.items():
        assert len(about(one).help) > 10, key
        assert about(one).help.endswith("."), key
    assert "validation" not in SETTINGS
    assert "folds : a whole number, at least 0, default 5" in type(recipe().validation).__doc__


def page():
    """The page of docs about recipes."""
    lines = [
        "# Settings of a recipe",
        "",
        "A recipe says how a network is trained. `galviz train … --set KEY=VALUE` changes a setting, and so does the",
        "form on the tab Train. The group may be left out: `folds=4` is `validation.folds=4`, `learning_rates.head=1`",
        "is `optimiser.learning_rates.head=1`, and `loss=mse` is `loss.name=mse`. In Python:",
        '`recipe.replace(epochs=3, validation={"folds": 4})`. `galviz recipe STUDY` shows the values of a recipe.',
        "",
        "This page is made by `python tests/runs/test_recipe.py`.",
        "",
    ]
    for group in ("", *GROUPS):
        kind = Recipe.__dataclass_fields__[group].type if group else Recipe
        intro = kind.__doc__.split("\n\nParameters")[0]
        lines += [f"## {group or 'training'}", "", "" if kind is Recipe else intro, ""][: 2 if kind is Recipe else 4]
        lines += ["| setting | what it does | value |", "|---|---|---|"]
        for key, one in SETTINGS.items():
            if key.rpartition(".")[0] == group:
                only = about(one).architectures
                only = f" Only {', '.join(only)}." if only else ""
                lines.append(f"| `{key}` | {about(one).help}{only} | {type_text(one)} |")
        lines.append("")
    return "\n".join(lines)


def test_the_page_of_the_documentation_is_that_of_the_code():
    assert PAGE.read_text(encoding="utf-8") == page(), "make it again: python tests/runs/test_recipe.py"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
