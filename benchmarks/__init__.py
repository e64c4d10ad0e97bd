"""Recipes, references and recorded results, and programs that measure speed."""
