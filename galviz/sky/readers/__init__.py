"""Files and services of the field, read into a `CutoutSet`."""
