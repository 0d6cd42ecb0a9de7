"""Loads a source's records into the store."""
