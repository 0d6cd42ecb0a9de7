"""Runs dream cycles, records them, and checks or rolls back what they published."""
