"""The explorer: a widget for notebooks, a page in one file, and a server for that page."""
