"""How far, how fast, done by when, what is in the way: the clock, its alerts, the page."""
