"""Answers a question with sentences of memories, each quoted byte for byte, or says that nothing is recorded."""
