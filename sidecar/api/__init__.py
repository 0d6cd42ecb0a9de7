"""The sidecar over HTTP: Ollama's protocol, OpenAI's protocol, and what an operator needs."""
