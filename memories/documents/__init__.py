"""Writes, chunks, reassembles, edits, exports and deletes memories as rows of public.memories."""
