"""Tools of pages and notebooks, one folder each: core (no Panel), figure (HoloViews), view (Panel), widget, client."""
