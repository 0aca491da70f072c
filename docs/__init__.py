"""Texts of the project, and the site that is made of them."""
