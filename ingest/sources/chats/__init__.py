"""The exports of chat programs."""
