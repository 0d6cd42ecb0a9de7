"""Files that people have, read with bounded memory."""
