import exam
import pytest

from galviz import studies
from galviz.sky.cutouts import CutoutSet
from galviz.sky.mock import write_metallicity_sky
from galviz.studies import metallicity


@pytest.fixture(scope="module")
def sky(tmp_path_factory):
    return CutoutSet.open(write_metallicity_sky(tmp_path_factory.mktemp("skies") / "oh", 18, size=32))


@pytest.mark.parametrize("question", exam.QUESTIONS)
def test_exam(question, sky, tmp_path):
    question(metallicity.STUDY, sky, tmp_path)


def test_the_baselines_are_functions(sky):
    for baseline in metallicity.STUDY.baselines.values():
        assert callable(studies.named(baseline.make))


def test_percentiles_are_learned_together_and_any_column_can_be(sky):
    target = metallicity.STUDY.targets["percentiles"]
    assert target.rules.names(target) == ["oh_p50", "oh_p16", "oh_p84"]
    assert metallicity.STUDY.choose("", sky).target is metallicity.TARGET
    assert metallicity.STUDY.choose("d4000", sky).target.columns == ("d4000",)


def test_as_published_is_the_listing_of_the_paper():
    published, meant = (metallicity.RECIPES[name] for name in ("as_published", "differential"))
    about = published.optimiser
    assert (published.epochs, published.batch, published.loss.name) == (10, 256, "rmse")
    assert (about.name, about.momentum, about.freeze_epochs, about.first_epochs) == ("sgd", 0.9, 2, 3)
    assert (about.schedule, about.cycle_epochs, about.cycle_mult) == ("sgdr", 1, 2)
    assert published.epochs == about.first_epochs + 1 + 2 + 4
    assert set(about.learning_rates.values()) == {0.1}
    assert (about.early_rate, published.network.timm_name) == (1.0, "resnet34")
    rates = meant.optimiser.learning_rates
    groups = rates["encoder"] * meant.optimiser.early_rate, rates["encoder"], rates["head"]
    assert groups == pytest.approx((1e-3, 1e-2, 1e-1))
    assert meant.replace(
        name="as_published", optimiser={"learning_rates": about.learning_rates, "early_rate": 1.0}
    ) == (published)
