"""Reports on schema `dreams` for people: explanations, counts, canned queries, monitored figures."""
