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
