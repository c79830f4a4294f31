"""The tables of the hand-written integration, as SQLAlchemy ORM classes: a careful team's first week."""

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Dossier(Base):
    """A dossier (hồ sơ) with 28 fields of its own; `changed_at` tells a changed record from an unchanged one."""

    __tablename__ = "orm_dossier"

    code: Mapped[str] = mapped_column(String(60), primary_key=True)
    national_code: Mapped[str | None]
    receipt: Mapped[str | None]
    procedure_code: Mapped[str | None] = mapped_column(index=True)
    procedure_name: Mapped[str | None]
    field_code: Mapped[str | None]
    field_name: Mapped[str | None]
    agency_code: Mapped[str | None]
    agency_name: Mapped[str | None]
    owner: Mapped[str | None]
    owner_kind: Mapped[int | None]
    identity_number: Mapped[str | None]
    phone: Mapped[str | None]
    email: Mapped[str | None]
    address: Mapped[str | None]
    commune: Mapped[str | None]
    province: Mapped[str | None]
    subject: Mapped[str | None]
    channel: Mapped[int | None]
    status: Mapped[int | None]
    status_name: Mapped[str | None]
    submitted_at: Mapped[datetime | None]
    received_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    returned_at: Mapped[datetime | None]
    refused_at: Mapped[datetime | None]
    changed_at: Mapped[datetime | None]

    documents: Mapped[list["Document"]] = relationship(cascade="all, delete-orphan")
    steps: Mapped[list["Step"]] = relationship(cascade="all, delete-orphan")


class Document(Base):
    """A document handed in (thành phần hồ sơ)."""

    __tablename__ = "orm_document"

    id: Mapped[int] = mapped_column(primary_key=True)
    dossier_code: Mapped[str] = mapped_column(ForeignKey("orm_dossier.code"), index=True)
    code: Mapped[str | None]
    name: Mapped[str | None]
    file_name: Mapped[str | None]
    url: Mapped[str | None]
    digitised: Mapped[bool]
    reused: Mapped[int | None]


class Step(Base):
    """A progress step (tiến trình)."""

    __tablename__ = "orm_step"

    id: Mapped[int] = mapped_column(primary_key=True)
    dossier_code: Mapped[str] = mapped_column(ForeignKey("orm_dossier.code"), index=True)
    happened_at: Mapped[datetime | None]
    handler: Mapped[str | None]
    position: Mapped[str | None]
    department: Mapped[str | None]
    content: Mapped[str | None]
    status: Mapped[int | None]
