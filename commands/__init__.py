"""The commands of `dreams`, one module for each group."""
