"""What no rule decides: collisions, undecided codes, a person's decisions and what they free."""
