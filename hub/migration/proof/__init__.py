"""Both sides read again and compared: the account, the evidence, a rehearsal beside the last one."""
