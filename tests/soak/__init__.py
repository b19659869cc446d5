"""Everything at once, for minutes or hours: `make soak`."""
