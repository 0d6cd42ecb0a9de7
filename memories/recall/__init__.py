"""One search, from the query to the terms of each result and the event it leaves."""
