"""Kills parts of a cluster while it takes data, and counts whether anything was lost or doubled."""
