"""Generators answer in words; each is one module behind the protocol in `protocol.py`."""
