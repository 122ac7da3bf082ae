"""A catalogue as a table."""
