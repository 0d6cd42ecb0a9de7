"""The routes that generate: chat, completions and responses of OpenAI, chat and generate of Ollama."""
