"""The catalogue of objects as a table."""
