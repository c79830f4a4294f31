"""What a record is: canonical records, statuses, identifiers, the hub's tables and the peers' wire schemas."""
