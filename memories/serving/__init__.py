"""Shared by the HTTP servers: connection limits, API keys, and recognition of our own sidecar."""
