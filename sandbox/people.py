"""Made-up people and addresses out of common Vietnamese name parts; every piece is UTF-8 ready for the wire."""


def _pieces(words: str, separator: str = " ") -> list[bytes]:
    return [w.encode() for w in words.split(separator)]


FAMILY = _pieces("Nguyễn Trần Lê Phạm Hoàng Huỳnh Phan Vũ Võ Đặng Bùi Đỗ Hồ Ngô Dương Lý Giàng Vàng Lò Đinh")
MIDDLE = _pieces(
    "Văn Thị Hữu Đức Minh Ngọc Quang Thanh Xuân Thu Hồng Công Đình Bá Gia Kim Thùy Bích Mạnh Quốc Thế Tuấn Diệu Phương "
    "Seo A"
)
GIVEN = _pieces(
    "An Bình Châu Chi Cường Dũng Duy Dung Đạt Đông Giang Hà Hải Hạnh Hiền Hiếu Hoa Hòa Hùng Hương Huy Khánh Khoa Lan "
    "Linh Loan Long Mai Nam Nga Nhung Oanh Phong Phúc Quân Quỳnh Sơn Tâm Thảo Thắng Thành Thịnh Thúy Thủy Tiến Toàn "
    "Trang Trung Tú Tùng Tuyết Uyên Vân Việt Vinh Vy Yến Phủ Pao Mỷ"
)
POSITIONS = [
    "Chuyên viên",
    "Công chức một cửa",
    "Phó trưởng phòng",
    "Trưởng phòng",
    "Văn thư",
    "Phó Giám đốc",
    "Phó Chủ tịch",
]
OFFICERS = [
    (b"%b %b %b" % (FAMILY[n % 20], MIDDLE[n * 7 % 26], GIVEN[n * 11 % len(GIVEN)]), POSITIONS[n % 7])
    for n in range(97)
]
"""Who handles dossiers: (name, position)."""
STREETS = _pieces(
    "đường Nguyễn Huệ, |đường Trần Phú, |đường Lê Lợi, |đường Hoàng Liên, |đường Quang Trung, |đường Hùng Vương, |"
    "đường Phan Đình Phùng, |đường Điện Biên Phủ, |đường Võ Nguyên Giáp, |đường Hai Bà Trưng, ",
    "|",
)
PHONE_PREFIX = _pieces("032 033 035 038 070 077 079 083 085 086 088 090 091 093 096 097 098")

DOCUMENT_NAMES = [
    "Tờ khai theo mẫu",
    "Đơn đề nghị",
    "Bản sao giấy tờ tùy thân",
    "Văn bản ủy quyền",
    "Bản vẽ kèm theo",
    "Giấy chứng nhận đã cấp",
    "Hợp đồng và phụ lục",
    "Báo cáo thuyết minh",
    "Biên bản làm việc",
    "Biên lai nộp tiền",
    "Ảnh chân dung",
    "Xác nhận của nơi cư trú",
]
STEP_WORDS = {
    1: "Công dân nộp hồ sơ",
    2: "Tiếp nhận hồ sơ, chuyển bộ phận chuyên môn",
    3: "Từ chối tiếp nhận: hồ sơ không thuộc thẩm quyền",
    4: "Thẩm định hồ sơ",
    5: "Đề nghị công dân bổ sung thành phần hồ sơ",
    6: "Thông báo nghĩa vụ tài chính",
    7: "Công dân đề nghị rút hồ sơ",
    8: "Tạm dừng xử lý hồ sơ",
    9: "Ký duyệt, đã có kết quả",
    10: "Trả kết quả cho công dân",
}
"""What the officer writes, by the national meaning of the step."""

_TAX_WEIGHTS = (31, 29, 23, 19, 17, 13, 7, 5, 3)
_TAX_HEAD = 53
_HIGH, _LOW = (
    [sum(int(c) * w for c, w in zip(f"{n:0{len(weights)}d}", weights, strict=True)) for n in range(10 ** len(weights))]
    for weights in (_TAX_WEIGHTS[2:5], _TAX_WEIGHTS[5:])
)
_OF_HEAD = sum(int(c) * w for c, w in zip(str(_TAX_HEAD), _TAX_WEIGHTS, strict=False))


def tax_code(serial: int) -> bytes:
    """The tax code of an enterprise with a right check digit: ten less the weighted sum modulo 11.

    `serial` goes up to 9,999,990. A serial whose digit would be ten is never given out; the next one is taken.
    """
    while True:
        serial += 1
        digit = 10 - (_OF_HEAD + _HIGH[serial // 10_000] + _LOW[serial % 10_000]) % 11
        if digit < 10:
            return b"%d%07d%d" % (_TAX_HEAD, serial, digit)
