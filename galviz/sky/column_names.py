"""Usual names of columns in catalogues, in lower case, the most certain first."""

REDSHIFTS = (
    "z_spec", "zspec", "specz", "spec_z", "z_lambda", "zlambda", "z_phot", "zphot", "photoz", "photo_z", "z_best",
    "zpdf", "lp_zbest", "lp_zpdf", "ez_z_phot", "redshift", "z",
)  # fmt: skip
"""``z`` may be a magnitude instead."""

RICHNESSES = (
    "lambda", "lambda_chisq", "richness", "ln_richness", "ln_lambda", "n200", "r200", "m200", "m500", "n_gal", "ngal",
    "stellar_mass", "logmass", "mass",
)  # fmt: skip
"""Richness, size and mass."""
