"""The journal of one hand-over in the database: each line is committed before the next call is made."""

from collections.abc import Mapping
from typing import Any

import orjson
from sqlalchemy import Engine, text

from hub.staging import printable


class StepJournal:
    """The steps of one version of a dossier; read once, written through."""

    def __init__(self, engine: Engine, province: str, national_code: str, version: int) -> None:
        self._engine = engine
        self._who = {"province": province, "code": national_code, "version": version}
        query = text(
            "SELECT step_key, state, given FROM inbound_step"
            " WHERE province = :province AND national_code = :code AND version = :version"
        )
        with engine.connect() as connection:
            rows = connection.execute(query, self._who).all()
        self._done: dict[str, Mapping[str, Any]] = {row.step_key: row.given for row in rows if row.state == "done"}
        self._begun: set[str] = {row.step_key for row in rows if row.state == "begun"}

    def done(self, key: str) -> Mapping[str, Any] | None:
        return self._done.get(key)

    def begun(self, key: str) -> bool:
        return key in self._begun

    def begin(self, key: str) -> None:
        self._write(
            "INSERT INTO inbound_step (province, national_code, version, step_key, state)"
            " VALUES (:province, :code, :version, :key, 'begun')"
            " ON CONFLICT (province, national_code, version, step_key) DO UPDATE SET begun_at = clock_timestamp()",
            key=key,
        )
        self._begun.add(key)

    def finish(self, key: str, given: Mapping[str, Any], answer: str) -> None:
        self._write(
            "INSERT INTO inbound_step (province, national_code, version, step_key, state, given, answer, done_at)"
            " VALUES (:province, :code, :version, :key, 'done', CAST(:given AS jsonb), :answer, clock_timestamp())"
            " ON CONFLICT (province, national_code, version, step_key) DO UPDATE SET state = 'done',"
            " given = excluded.given, answer = excluded.answer, done_at = excluded.done_at",
            key=key,
            given=orjson.dumps(dict(given)).decode(),
            answer=printable(answer),
        )
        self._begun.discard(key)
        self._done[key] = dict(given)

    def take_back(self, key: str) -> None:
        self._write(
            "DELETE FROM inbound_step WHERE province = :province AND national_code = :code AND version = :version"
            " AND step_key = :key AND state = 'begun'",
            key=key,
        )
        self._begun.discard(key)

    def _write(self, statement: str, **values: Any) -> None:
        with self._engine.begin() as connection:
            connection.execute(text(statement), self._who | values)
