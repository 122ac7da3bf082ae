"""Which objects are selected, and the controls for it."""
