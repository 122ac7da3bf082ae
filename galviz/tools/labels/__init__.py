"""Labels that users assign to objects."""
