"""Quotes recalled text for assistants, and recognises it when they send it back."""
