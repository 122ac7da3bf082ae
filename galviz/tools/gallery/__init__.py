"""The gallery: pictures of any number of objects."""
