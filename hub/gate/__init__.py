"""The gate in Great Expectations: suites that stewards read, and what their rules find in a run's staged dossiers.

`suite` reads the files, `columns` makes the table that the rules look at, `great` lets Great Expectations run them,
`measures` looks at a run as a whole, `findings` sets failing rows apart, warns, and keeps what every rule found.
"""
