"""A memory as rows of public.memories: written, cut, put together, edited, exported, deleted."""
