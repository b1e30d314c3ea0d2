"""Results as documents in MongoDB, for the tools that a collaboration has there.

The store is the truth: documents are compared with its ledger, and brought to it.
"""
