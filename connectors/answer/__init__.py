"""What comes back: opened, judged by the answer table, and made into plain records."""
