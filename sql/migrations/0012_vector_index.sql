-- Raises efConstruction (Malkov & Yashunin 2018) from 64 to 200: a search then reaches the same recall with fewer
-- candidates, and so faster. Vectors inserted earlier keep their neighbours until
-- `reindex index public.memories_embedding_idx`.
alter index public.memories_embedding_idx set (ef_construction = 200);
