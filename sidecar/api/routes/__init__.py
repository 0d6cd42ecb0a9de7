"""The HTTP routes, one module for each protocol, with the bodies, texts and error answers that they share."""
