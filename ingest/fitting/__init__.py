"""The memory model, fitted to one person."""
