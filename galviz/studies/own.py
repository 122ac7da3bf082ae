"""Your own images and your own column, without a paper."""

from galviz.studies import Study

STUDY = Study(
    name="own",
    title="your own images",
    paper="",
    bands=None,
    targets={},
    recipes={},
    example="richness",
    ingest=("FOLDER --out SKY", "reads pictures, FITS, HDF5 and other formats, with the table beside them"),
    tabs={
        "sweeps": "galviz.pages.sweeps:labels_tab",
        "threshold": "galviz.pages.threshold_page:threshold_tab",
    },
)
