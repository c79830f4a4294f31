"""From the old systems into the account: chunks, recoding, what more than one record claims."""
