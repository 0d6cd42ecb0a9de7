"""Turns a prompt into tokens, and tokens into the pieces of a reply, for models that run in this process."""
