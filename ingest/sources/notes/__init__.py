"""Reads notes, their properties and dates, and the vaults that hold them."""
