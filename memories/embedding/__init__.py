"""Vectors: what they are, who makes them, and how they get beside a memory."""
