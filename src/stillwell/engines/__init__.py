"""Where the kernel runs: one file each, found by its name."""
