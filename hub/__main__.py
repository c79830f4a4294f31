"""`python -m hub` is `lienthong`."""

from hub.cli import main

main()
