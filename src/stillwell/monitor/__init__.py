"""What is made of tallies: they are kept, windows of them are judged, and what is found is told."""
