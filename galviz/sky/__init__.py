"""Images and catalogues: `CutoutSet`, surveys, photometry, resampling, readers and synthetic skies."""
