"""Recipes, references and recorded results, and the programs that measure speed."""
