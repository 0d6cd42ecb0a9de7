"""Notes and their folders."""
