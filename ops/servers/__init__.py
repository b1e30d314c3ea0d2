"""Starts real servers on this machine, for tests, trials and benchmarks."""
