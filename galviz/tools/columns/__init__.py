"""Columns that a user adds to a table: computed from others, or joined from another table."""
