"""The `dreams` command, a module for each chapter of its manual."""
