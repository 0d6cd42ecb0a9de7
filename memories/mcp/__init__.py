"""The MCP server: the store's tools, resources and prompts for assistants."""
