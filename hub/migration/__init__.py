"""Migration and cutover: merged provinces' dossiers read, recoded, handed to the new system, proved, and opened."""
