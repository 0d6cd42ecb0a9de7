"""Moves data: sources into the store, and what dream cycles compute back into it."""
