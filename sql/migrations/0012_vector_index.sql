-- A vector's neighbours are looked for among two hundred when it comes in, not among sixty-four: a search then finds what is
-- nearest where it looks at fewer, and so sooner (Malkov & Yashunin 2018: efConstruction). Vectors that are there already keep
-- their neighbours until `reindex index public.memories_embedding_idx`.
alter index public.memories_embedding_idx set (ef_construction = 200);
