"""Recalled text as assistants get it, and how the store knows it again."""
