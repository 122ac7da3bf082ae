"""Pages: the workspace of a study and its panels. A page never loads torch."""
