import json
import re
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from galviz.runs.recipe import CHOICES, Recipe


def recipe(**changes):
    fields = {
        "name": "quick",
        "epochs": 3,
        "batch": 32,
        "learning_rates": {"encoder": 1e-3, "head": 1e-2},
        "network": {"width": 16, "head": "compact", "dropout": 0.0, "pretrained": False},
    }
    return Recipe(**fields | changes)


@pytest.mark.parametrize(
    ("setting", "field", "value"),
    [
        ("epochs=30", "epochs", 30),
        (" epochs = 30 ", "epochs", 30),
        ("momentum=0", "momentum", 0.0),
        ("weight_decay=1e-4", "weight_decay", 1e-4),
        ("optimiser=sgd", "optimiser", "sgd"),
        ("frozen=true", "frozen", True),
        ("frozen=False", "frozen", False),
        ("augment=d4", "augment", ("d4",)),
        ("augment=", "augment", ()),
        ("name=a=b", "name", "a=b"),
    ],
)
def test_a_setting_has_the_type_of_its_field(setting, field, value):
    before = recipe(frozen=value is False, augment=("d4",) if value == () else ())
    changed = before.with_settings([setting])
    assert getattr(changed, field) == value
    assert type(getattr(changed, field)) is type(value)
    assert getattr(before, field) != value
    assert changed.replace(**{field: getattr(before, field)}) == before


@pytest.mark.parametrize(
    ("setting", "inner", "value"),
    [("network.width=8", "width", 8), ("network.head=as_published", "head", "as_published")],
)  # fmt: skip
def test_a_setting_reaches_into_the_network(setting, inner, value):
    changed = recipe().with_settings([setting])
    assert changed.network == recipe().network | {inner: value}
    assert type(changed.network[inner]) is type(value)


def test_settings_add_up_in_order():
    changed = recipe().with_settings(["epochs=5", "learning_rates.head=0.5", "epochs=6"])
    assert changed.epochs == 6
    assert changed.learning_rates == {"encoder": 1e-3, "head": 0.5}


def test_a_number_written_without_a_point_takes_a_point():
    whole = recipe(alpha=0, learning_rates={"encoder": 1, "head": 1})
    changed = whole.with_settings(["alpha=0.5", "learning_rates.head=1e-3"])
    assert changed.alpha == 0.5
    assert changed.learning_rates["head"] == 1e-3


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("epoch=3", "set: expected a field of the recipe, got 'epoch'. Near it: epochs"),
        ("learning_rate.head=1", "got 'learning_rate.head'. Near it: learning_rates.head, learning_rates.encoder"),
        ("network.widht=8", "set: expected a field of the recipe, got 'network.widht'. Near it: network.width"),
        ("network=8", "set: expected a field of the recipe, got 'network'"),
        ("epochs.x=3", "set: expected a field of the recipe, got 'epochs.x'"),
        ("epochs", "set: expected key=value, got 'epochs'"),
        ("epochs=", "epochs: expected a whole number, got ''"),
        ("epochs=3.5", "epochs: expected a whole number, got '3.5'"),
        ("epochs=many", "epochs: expected a whole number, got 'many'"),
        ("alpha=much", "alpha: expected a number, got 'much'"),
        ("learning_rates.head=fast", "learning_rates.head: expected a number, got 'fast'"),
        ("network.width=wide", "network.width: expected a whole number, got 'wide'"),
        ("frozen=yes", "frozen: expected true or false, got 'yes'"),
        ("loss=hinge", "loss: expected one of mse, mse_std, gaussian_nll, cross_entropy, lsgan, lsgan_masked"),
    ],
)  # fmt: skip
def test_a_bad_setting_is_named(setting, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        recipe().with_settings([setting])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "epochs: expected at least 1, got 0"),
        ({"batch": 0}, "batch: expected at least 1, got 0"),
        ({"tta": 9}, "tta: expected 1 to 8 views, got 9"),
        ({"folds": -1}, "folds: expected 0 or more, got -1"),
        ({"folds": 1, "keep": "best"}, "folds: expected at least 2, got 1"),
        ({"folds": 1, "patience": 3}, "folds: expected at least 2, got 1"),
        ({"joint": -1}, "joint: expected 0 or more, got -1"),
        ({"folds": 5, "fold": 5}, "fold: expected 0 to 4, got 5"),
        ({"patience": -1}, "patience: expected 0 or more, got -1"),
        ({"stop_after": -1}, "stop_after: expected 0 or more, got -1"),
        ({"factor": 0}, "factor: expected a number in (0, 1], got 0.0"),
        ({"factor": 2}, "factor: expected a number in (0, 1], got 2.0"),
        ({"fold": -1}, "fold: expected 0 to 4, got -1"),
        ({"label_fraction": 0.0}, "label_fraction: expected a number in (0, 1], got 0.0"),
        ({"label_fraction": 1.5}, "label_fraction: expected a number in (0, 1], got 1.5"),
        ({"augment": ("shear",)}, "augment: expected some of d4, turn, mirror, seeing, got 'shear'"),
        ({"learning_rates": {"head": -1.0}}, "learning_rates.head: expected a positive number, got -1.0"),
        ({"learning_rates": {"head": float("nan")}}, "learning_rates.head: expected a positive number, got nan"),
        *(
            (
                ({"network": {key.partition(".")[2]: "other"}} if "." in key else {key: "other"}),
                f"{key}: expected one of {', '.join(CHOICES[key])}, got 'other'",
            )
            for key in CHOICES
        ),
    ],
)
def test_bad_values_are_named(changes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        recipe(**changes)


def test_a_recipe_cannot_be_changed():
    given_rates = {"encoder": 1e-3}
    made = recipe(learning_rates=given_rates)
    with pytest.raises(FrozenInstanceError):
        made.epochs = 5
    given_rates["encoder"] = 5.0
    assert made.learning_rates == {"encoder": 1e-3}
    made.with_settings(["network.width=99"])
    assert made.network["width"] == 16


@given(
    st.fixed_dictionaries(
        {
            "epochs": st.integers(1, 1000),
            "alpha": st.floats(0, 10),
            "label_fraction": st.floats(0.01, 1),
            "augment": st.sampled_from([(), ("d4",), ("turn",)]),
            "learning_rates": st.dictionaries(st.text(max_size=5), st.floats(1e-9, 10)),
            "network": st.dictionaries(st.text(max_size=5), st.integers() | st.booleans() | st.text()),
            **{key: st.sampled_from(choices) for key, choices in CHOICES.items() if "." not in key},
        }
    )
)
def test_json_and_back(changes):
    made = recipe(**changes)
    assert Recipe.from_json(json.loads(json.dumps(made.to_json()))) == made


def test_json_of_another_version_is_named():
    content = recipe().to_json()
    with pytest.raises(ValueError, match=r"only fields that this version knows \(.*\), got \['warmup'\]"):
        Recipe.from_json(content | {"warmup": 3})
    del content["epochs"]
    with pytest.raises(ValueError, match=r"recipe: expected all fields without a default, got .*\['epochs'\]"):
        Recipe.from_json(content)


def test_settings_are_checked_together_whatever_their_order():
    given = ["calibration=0.2", "loss=gaussian_nll", "network.width=8"]
    first, second = recipe().with_settings(given), recipe().with_settings(given[::-1])
    assert first == second
    assert (first.calibration, first.loss, first.network["width"]) == (0.2, "gaussian_nll", 8)
    with pytest.raises(ValueError, match=r"calibration: expected 0 with the loss mse, got 0\.2"):
        first.with_settings(["loss=mse"])


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ({"stages": 9}, "network.stages: expected 1 to 4, got 9"),
        ({"clip": -1.0}, "network.clip: expected 0 or more, got -1"),
    ],
)
def test_networks_that_cannot_be_are_named_before_anything_waits(network, message):
    with pytest.raises(ValueError, match=message):
        recipe(network=network)
