"""Computes the vectors of many memories at once."""
