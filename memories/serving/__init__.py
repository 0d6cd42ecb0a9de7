"""What every HTTP door has: a bounded server, keys, and the recognition of our own processes."""
