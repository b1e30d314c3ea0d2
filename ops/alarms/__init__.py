"""Alarms on absence: something that should go on does not.

``looks`` finds out how things are, ``watch`` decides from a series of looks what is an alarm.
"""
