"""One dream cycle, and the record of all of them."""
