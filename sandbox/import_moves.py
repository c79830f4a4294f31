"""What the staff of a new province do with imported dossiers after its opening: one step further with every day."""

import sqlite3

from sandbox import calendar

_NEXT = {1: 2, 2: 4, 4: 9, 5: 4, 6: 4, 7: 4, 9: 10}
"""The next status; those that are not named stay as they are."""
OPENED, MOVED_UNTIL = "opened", "moved_until"


def open_on(db: sqlite3.Connection, day: int) -> None:
    """The target opens on a virtual day: from the next one on its staff work."""
    _keep(db, OPENED, day)
    _keep(db, MOVED_UNTIL, day)


def opened(db: sqlite3.Connection) -> int | None:
    """The virtual day of the opening, None before it."""
    row = db.execute("SELECT value FROM fact WHERE name=?", (OPENED,)).fetchone()
    return int(row[0]) if row else None


def follow(db: sqlite3.Connection, day: int) -> int:
    """Lets staff work up to a virtual day: how many steps were made."""
    if opened(db) is None:
        return 0
    db.execute("BEGIN IMMEDIATE")
    row = db.execute("SELECT value FROM fact WHERE name=?", (MOVED_UNTIL,)).fetchone()
    made = 0
    for n in range(int(row[0]) + 1, day + 1):
        statuses = ",".join(map(str, _NEXT))
        query = f"SELECT id, status FROM item WHERE imported=1 AND status IN ({statuses}) ORDER BY id"
        moving = db.execute(query).fetchall()
        _move(db, [(_at(n, key), key, _NEXT[status]) for key, status in moving])
        made += len(moving)
    _keep(db, MOVED_UNTIL, max(day, int(row[0])))
    db.execute("COMMIT")
    return made


def move(db: sqlite3.Connection, code: str, now: str) -> int | None:
    """Lets staff take one dossier a step further now: its new status, None when there is no such dossier or step."""
    row = db.execute("SELECT id, status FROM item WHERE code=?", (code,)).fetchone()
    if row is None or row[1] not in _NEXT:
        return None
    _move(db, [(now, row[0], _NEXT[row[1]])])
    return _NEXT[row[1]]


def steps(db: sqlite3.Connection, item: int) -> list[tuple[str, int]]:
    """(time, status) of the steps that staff made with a dossier, in order."""
    return db.execute("SELECT at, status FROM step WHERE item=? ORDER BY id", (item,)).fetchall()


def _move(db: sqlite3.Connection, moves: list[tuple[str, int, int]]) -> None:
    db.executemany("INSERT INTO step (at, item, status) VALUES (?,?,?)", moves)
    db.executemany(
        "UPDATE item SET moved=1, updated=?, status=? WHERE id=?", [(at, status, key) for at, key, status in moves]
    )


def _at(day: int, key: int) -> str:
    """When the office gets to a dossier on a day, spread over its hours."""
    second = (calendar.LAST_BASE_DAY + day) * calendar.DAY_SECONDS + key * 7919 % calendar.REGULAR_SECONDS
    return f"{calendar.moment(second):%Y-%m-%d %H:%M:%S}"


def _keep(db: sqlite3.Connection, name: str, value: int) -> None:
    db.execute("INSERT OR REPLACE INTO fact VALUES (?,?)", (name, str(value)))
