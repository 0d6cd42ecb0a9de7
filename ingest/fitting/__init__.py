"""Fits the memory model to one person's reviews."""
