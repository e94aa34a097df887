"""Who proposes the next edit."""
