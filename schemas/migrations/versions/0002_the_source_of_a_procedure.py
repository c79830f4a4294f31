"""the source of a procedure version."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "procedure_version",
        sa.Column(
            "source",
            sa.Text(),
            server_default="pull",
            nullable=False,
            comment="pull, or the file name of an imported list",
        ),
    )


def downgrade() -> None:
    op.drop_column("procedure_version", "source")
