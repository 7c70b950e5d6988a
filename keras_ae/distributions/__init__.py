"""Pure densities: log-probabilities, divergences and draws, without state."""
