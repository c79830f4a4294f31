"""Migration and cutover: merged provinces' dossiers read, recoded, handed to the new system, proved, and opened.

An attempt at a plan goes through `plans`, `reading`, `deciding`, `target`, `proof` and `cutover`, in this order;
`watching` looks at it from outside. `run` brings an attempt as far as it can go, `flow` is the same in pieces for
Airflow.
"""
