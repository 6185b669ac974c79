"""mecai."""
