"""What a memory is about, by rule or by a chat model."""
