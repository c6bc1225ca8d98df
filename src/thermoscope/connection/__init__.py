"""A model on a server, asked for distributions of the next token."""
