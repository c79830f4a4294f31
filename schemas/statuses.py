"""National dossier statuses and the moves between them (CONTRACTS section 4: statuses [seen], moves [inferred])."""

NATIONAL_STATUSES: dict[int, str] = {
    1: "Mới đăng ký",
    2: "Được tiếp nhận",
    3: "Không được tiếp nhận",
    4: "Đang xử lý",
    5: "Yêu cầu bổ sung",
    6: "Yêu cầu nghĩa vụ tài chính",
    7: "Công dân yêu cầu rút",
    8: "Dừng xử lý",
    9: "Đã xử lý xong",
    10: "Đã trả kết quả",
}

FINAL_STATUSES = frozenset({3, 10})

_MOVES: dict[int, frozenset[int]] = {
    1: frozenset({2, 3, 7}),
    2: frozenset({4, 5, 6, 7, 8, 9}),
    4: frozenset({5, 6, 7, 8, 9}),
    5: frozenset({4, 7, 8, 9}),
    6: frozenset({4, 7, 8, 9}),
    7: frozenset({4, 8}),
    8: frozenset({4}),
    9: frozenset({5, 10}),
    3: frozenset(),
    10: frozenset(),
}


def may_follow(before: int | None, after: int) -> bool:
    """Whether progress may go from one national status to the next.

    The first step may have any status. A status may repeat (a second officer takes over) unless it ends the dossier.
    """
    if before is None:
        return after in NATIONAL_STATUSES
    if before == after:
        return before not in FINAL_STATUSES
    return after in _MOVES[before]


def _reachable(before: int) -> frozenset[int]:
    """Every status that progress may reach from one without a correction (9 -> 5), itself included."""
    found, ahead = {before}, [before]
    while ahead:
        at = ahead.pop()
        fresh = {after for after in _MOVES[at] if (at, after) != CORRECTION} - found
        found |= fresh
        ahead.extend(fresh)
    return frozenset(found)


CORRECTION = (9, 5)
"""A finished dossier that asks for a supplement after all: it happens, and somebody should look at it."""

_FORWARD = {status: _reachable(status) for status in NATIONAL_STATUSES}


def went_back(before: int, after: int) -> bool:
    """Whether a dossier that had one status cannot have come to the other by any moves, some unseen.

    >>> went_back(2, 10), went_back(10, 4), went_back(9, 5), went_back(4, 2)
    (False, True, True, True)
    """
    return after not in _FORWARD[before]
