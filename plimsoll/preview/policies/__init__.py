"""The project's own policy pack, asked offline as the engine asks it."""
