"""The instrument: its state, and the notebook, the page and the server that show it."""
