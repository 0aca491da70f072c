"""Toy functions of two variables, and two problems of papers, with each optimizer's path."""
