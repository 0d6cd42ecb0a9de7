"""From a source's records to rows of the store."""
