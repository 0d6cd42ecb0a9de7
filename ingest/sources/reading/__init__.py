"""Reads untrusted files in bounded memory and checks what they hold."""
