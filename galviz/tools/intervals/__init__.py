"""Whether estimated errors can be trusted."""
