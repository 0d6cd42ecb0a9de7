"""Embedders turn texts into vectors; each is one module behind the protocol in `protocol.py`."""
