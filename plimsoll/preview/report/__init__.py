"""Reports: what a plan says, for a person at a terminal or for a machine. Pure functions of a plan."""
