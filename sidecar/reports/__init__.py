"""Writes reports on what memories say, in which every statement is a quotation with its place."""
