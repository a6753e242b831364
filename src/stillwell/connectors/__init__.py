"""Where data comes from and goes to: one file each, found by its name."""
