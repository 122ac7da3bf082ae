"""Panel viewers. Each gets a run or tables and a `Selection`; two with the same selection are linked."""
