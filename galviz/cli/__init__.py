"""The command line ``galviz``."""
