"""What good data is: reading, checking and describing contracts; knows nothing else."""
