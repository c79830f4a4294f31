"""Looking at a peer before it is switched on: is it reached, does it answer, what do its records hold."""
