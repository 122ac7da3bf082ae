"""How trained networks are applied."""
