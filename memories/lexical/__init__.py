"""The word index: a cache of Postgres that repairs itself and can be deleted."""
