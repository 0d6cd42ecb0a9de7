"""The sidecar over HTTP: the memories, Ollama's protocol, OpenAI's protocol, and what an operator needs."""
