"""Pure densities: log-probabilities, divergences and draws; only their noise has state."""
