"""The site: our Sphinx extension, and ``python -m tools.site``, which builds all of it."""
