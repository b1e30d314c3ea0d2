"""Detectors that aren't there: words as their readout would send them, and the truth beside."""
