"""The stages of a sync and what they stand on: configuration, store, command line."""
