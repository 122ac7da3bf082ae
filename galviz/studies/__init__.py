"""One module a paper: what it declares, and how to load, build, train and predict."""
