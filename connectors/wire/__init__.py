"""What goes out: requests built, signed and sent, within the limits of the host."""
