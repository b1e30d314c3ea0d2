"""Homes of the words of chunks, beside the store's own table, behind one protocol.

A header always lies in the store, and says in which home its words are.
"""
