"""One file for each format: how it is opened and, where results go to it, how it is written."""
