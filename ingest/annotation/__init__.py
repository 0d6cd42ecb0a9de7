"""Annotates memories, by rule and by a chat model."""
