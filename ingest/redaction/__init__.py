"""Finds and masks secrets in texts before anything is stored."""
