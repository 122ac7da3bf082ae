"""Tools of pages and notebooks, a folder each: core (no Panel), figure (HoloViews), view (Panel), widget, client.js."""
