"""Gas metallicity of galaxies from three-colour pictures, with mass and star formation as further targets."""

from galviz.studies import Baseline, Mock, Study
from galviz.studies._recipes import general_recipes
from galviz.tasks.target import Target

PAPER = (
    "Wu & Boada (2019), Using convolutional neural networks to predict galaxy metallicity from three-colour images, "
    "MNRAS 484, 4683, arXiv:1810.12913"
)
BANDS = ("red", "green", "blue")  # i, r, g of SDSS
_OH = "12 + log(O/H)"
TARGET = Target("oh_p50", "regression", ("oh_p50",), _OH, "dex")
TARGETS = {
    "metallicity": TARGET,
    "percentiles": Target("oh_percentiles", "regression", ("oh_p50", "oh_p16", "oh_p84"), _OH, "dex"),
    "mass": Target("lgm_tot_p50", "regression", ("lgm_tot_p50",), "log mass", "dex"),
    "sfr": Target("sfr_tot_p50", "regression", ("sfr_tot_p50",), "log star-formation rate", "dex"),
}
RECIPES = general_recipes("regression", "display", 128)

_BASELINES = "galviz.nn.baselines.metallicity"
_FOREST = "random forest, 40 trees with leaves of at least 8, on "

STUDY = Study(
    name="metallicity",
    paper=PAPER,
    bands=BANDS,
    targets=TARGETS,
    recipes=RECIPES,
    baselines={
        "magnitudes": Baseline(make=f"{_BASELINES}:magnitudes", about=f"{_FOREST}the catalogue's magnitudes g, r, i"),
        "mass–metallicity": Baseline(
            make=f"{_BASELINES}:of_mass", about="the relation of Tremonti et al. (2004) at the catalogue's mass"
        ),
        "colours": Baseline(make=f"{_BASELINES}:colours", about=f"{_FOREST}ratios of the light in two bands"),
        "shape": Baseline(
            make=f"{_BASELINES}:shape",
            about=f"{_FOREST}size, elongation, concentration, asymmetry and clumps in the middle band",
        ),
        "colours and shape": Baseline(make=f"{_BASELINES}:colours_and_shape", about=f"{_FOREST}both"),
    },
    mock=Mock(
        write="galviz.sky.mock:write_metallicity_sky",
        size=64,
        about="colour pictures of star-forming galaxies, with what their spectra say",
    ),
    ingest=("FOLDER --out SKY", "reads pictures with the table beside them, as galviz.sky.sdss_query fetches them"),
    opens_tables=True,
)
