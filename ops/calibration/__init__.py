"""Constants of a detector, measured from what triggers found in a run."""
