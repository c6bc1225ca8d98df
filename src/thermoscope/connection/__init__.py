"""A language model, on a server or in this process, asked for distributions of the next token."""
