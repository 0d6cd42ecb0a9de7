"""Reads the time that a question names."""
