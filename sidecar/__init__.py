"""Serves memories and models over HTTP."""
