"""The store as an assistant sees it, by the Model Context Protocol."""
