"""Chores of this repository: none of it is installed with the package."""
