"""The word index: a cache of Postgres that keeps itself right and can be deleted."""
