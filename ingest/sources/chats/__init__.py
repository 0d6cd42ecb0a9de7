"""Reads the exports of chat programs."""
