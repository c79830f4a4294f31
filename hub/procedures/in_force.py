"""Under which version of a procedure a dossier runs: the one in force when it was received."""


def version_then(code: str, at: str) -> str:
    """A join to the version `p` of a procedure at a moment, both as SQL expressions.

    The first version that the hub saw counts as open to the past; after the last one, which the gate does not let
    through, and without a moment, the newest stands.
    """
    return f"""LEFT JOIN LATERAL (
    SELECT v.name, v.field_code, v.field_name FROM procedure_version v WHERE v.procedure_code = {code}
    ORDER BY coalesce({at} >= v.valid_to, false), CASE WHEN {at} < v.valid_to THEN v.valid_from END, v.valid_from DESC
    LIMIT 1) p ON true"""
