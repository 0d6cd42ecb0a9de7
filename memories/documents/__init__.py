"""Writes, chunks, reassembles, edits, exports and deletes memories, which are rows of public.memories."""
