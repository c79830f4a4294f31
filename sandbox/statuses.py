"""Status words of the systems, and what each means nationally; the wire shows only the vendor's words.

National numbers: 1 registered, 2 accepted, 3 refused, 4 processing, 5 supplement, 6 payment, 7 withdrawal, 8 stopped,
9 finished, 10 returned [seen]; the moves between them are [inferred].
"""

MOVES: dict[int, frozenset[int]] = {
    1: frozenset({2, 3, 7}),
    2: frozenset({4, 5, 6, 7, 8, 9}),
    3: frozenset(),
    4: frozenset({5, 6, 7, 8, 9}),
    5: frozenset({4, 7, 8, 9}),
    6: frozenset({4, 7, 8, 9}),
    7: frozenset({4, 8}),
    8: frozenset({4}),
    9: frozenset({10, 5}),
    10: frozenset(),
}
ENDED = frozenset({3, 10})


def may_follow(before: int | None, after: int) -> bool:
    """Whether a step may come after another; the first may be anything, a repeat is allowed except after an end."""
    if before is None:
        return 1 <= after <= 10
    return after in MOVES[before] or (before == after and before not in ENDED)


VNPT = {
    0: ("Mới đăng ký", 1), 1: ("Chờ tiếp nhận xử lý", 4), 2: ("Đang xử lý", 4), 3: ("Yêu cầu bổ sung", 5),
    4: ("Đã bổ sung", 4), 5: ("Đã trả kết quả", 10), 6: ("Đã có kết quả", 9), 7: ("Yêu cầu rút", 7),
    8: ("Dừng xử lý", 8), 9: ("Yêu cầu thanh toán", 6), 12: ("Chờ phê duyệt", 4), 13: ("Chờ ký số", 4),
    14: ("Chờ nộp phí", 6), 15: ("Chờ phát hành", 4), 16: ("Từ chối tiếp nhận", 3), 17: ("Chờ đóng dấu", 4),
    18: ("Đã rút hồ sơ", 7), 19: ("Đã tiếp nhận", 2),
}  # fmt: skip
"""iGate: the number and its meaning are [seen], the name beside it is [style]."""

VIETTEL = {
    1: ("Chờ tiếp nhận", 1), 2: ("Đã tiếp nhận", 2), 3: ("Đang thụ lý", 4), 4: ("Chờ bổ sung", 5),
    5: ("Chờ nộp phí", 6), 6: ("Trình ký", 4), 7: ("Đã có kết quả", 9), 8: ("Đã trả kết quả", 10), 9: ("Từ chối", 3),
    10: ("Công dân rút", 7), 11: ("Tạm dừng", 8),
}  # fmt: skip
"""One-gate vocabulary [style]."""

MOBIFONE = {
    1: ("Mới nộp", 1), 2: ("Đang giải quyết", 4), 3: ("Đã tiếp nhận", 2), 4: ("Chờ công dân bổ sung", 5),
    5: ("Từ chối tiếp nhận", 3), 6: ("Trình lãnh đạo", 4), 7: ("Tạm dừng giải quyết", 8), 8: ("Đã có kết quả", 9),
    9: ("Chờ thực hiện nghĩa vụ tài chính", 6), 10: ("Công dân xin rút", 7), 11: ("Đã trả kết quả", 10),
    12: ("Chờ ký số", 4),
}  # fmt: skip
"""MobiFone one-gate vocabulary [style]."""

TAN_DAN = {
    0: ("Chờ tiếp nhận", 1), 1: ("Đã tiếp nhận", 2), 2: ("Đang xử lý", 4), 3: ("Không tiếp nhận", 3),
    4: ("Đã xử lý xong", 9), 5: ("Yêu cầu bổ sung", 5), 6: ("Đã trả kết quả", 10), 7: ("Yêu cầu nộp phí", 6),
    8: ("Chuyển xử lý", 4), 9: ("Đã bổ sung, xử lý tiếp", 4), 10: ("Rút hồ sơ", 7), 11: ("Dừng xử lý", 8),
}  # fmt: skip
"""Tân Dân one-gate vocabulary [style]."""

FPT = {
    0: ("Hồ sơ mới", 1), 1: ("Đã tiếp nhận", 2), 2: ("Đang thụ lý", 4), 3: ("Chờ lãnh đạo duyệt", 4),
    4: ("Chờ phát hành", 4), 5: ("Đã có kết quả", 9), 6: ("Đã trả kết quả", 10), 7: ("Yêu cầu bổ sung", 5),
    8: ("Chờ nghĩa vụ tài chính", 6), 9: ("Từ chối tiếp nhận", 3), 10: ("Công dân xin rút", 7), 11: ("Tạm dừng", 8),
}  # fmt: skip
"""FPT eGov vocabulary of both generations [style]: 1, 2, 3, 5 to 10 are not the national numbers."""
