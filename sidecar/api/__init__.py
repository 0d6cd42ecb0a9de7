"""The sidecar's HTTP API: memories, Ollama's protocol, OpenAI's protocol, health and metrics."""
