"""Secrets in a text, found and masked before anything is stored."""
