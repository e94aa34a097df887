"""What engine and client say to each other, and where they meet."""
