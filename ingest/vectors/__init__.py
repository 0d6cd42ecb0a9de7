"""Vectors of many memories at once."""
