"""Reads pipeline.yml, joins the rooms below it, plans, refuses early, and runs."""
