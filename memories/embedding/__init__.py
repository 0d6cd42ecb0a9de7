"""Vectors: their format, the servers that compute them, and how memories get theirs."""
