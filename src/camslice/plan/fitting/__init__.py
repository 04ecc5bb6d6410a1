"""Parameters of the simulation from published or measured tables."""
