"""Attacks from outside beside two good streams, and what those lose by it: `make attack`."""
