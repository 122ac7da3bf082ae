"""Labels that users give to objects."""
