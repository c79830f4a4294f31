"""Why a dossier does not count in an indicator, what would make it count, and who must act. In both languages.

Where nothing but another value would make it count, the remedy is "nothing": the value is true, and stays.
"""

from dataclasses import dataclass

from schemas.reasons import ENGINEER, NATIONAL, PROVINCE, VENDOR, explain

NOBODY = "nobody"
AI: dict[str, str] = {
    PROVINCE: "tỉnh",
    VENDOR: "nhà cung cấp phần mềm một cửa",
    ENGINEER: "kỹ sư tích hợp",
    NATIONAL: "đơn vị vận hành trục kết nối quốc gia",
    NOBODY: "–",
}
"""Who must act, in Vietnamese."""


@dataclass(frozen=True, slots=True)
class Why:
    """Meaning and remedy in English (`meaning`, `remedy`) and Vietnamese (`nghia`, `can`), and who must act."""

    meaning: str
    nghia: str
    remedy: str
    can: str
    who: str

    @property
    def ai(self) -> str:
        return AI.get(self.who, self.who)


_NOTHING = "nothing: it stays as it was", "không có: giữ nguyên sự thật"


def _never(meaning: str, nghia: str) -> Why:
    return Why(meaning, nghia, *_NOTHING, NOBODY)


WHYS: dict[str, Why] = {
    "overdue": _never("it ended after it was due", "kết thúc sau hạn"),
    "overdue_by_limit": Why(
        "it has no due date and ended after the procedure's longest time",
        "không có ngày hẹn trả, kết thúc sau thời hạn dài nhất của thủ tục",
        "NgayHenTra in the province's system, if a later day was really given to the applicant",
        "ngày hẹn trả đã thực sự hẹn với người nộp, ghi vào phần mềm một cửa",
        PROVINCE,
    ),
    "two_supplements": _never(
        "a supplement was asked for two or more times", "yêu cầu bổ sung từ hai lần trở lên, tính là quá hạn"
    ),
    "no_end": Why(
        "it is finished, but neither NgayKetThucXuLy nor a step 9, 10, 8 or 3 says when",
        "đã xong nhưng không có thời điểm kết thúc xử lý",
        "the real time of the end (NgayKetThucXuLy) in the province's system",
        "thời điểm kết thúc thực tế (NgayKetThucXuLy) trong phần mềm một cửa",
        PROVINCE,
    ),
    "no_limit": Why(
        "it has no due date, and the procedure's record states no time, or one that cannot be read",
        "không có ngày hẹn trả, thủ tục không nêu thời hạn, hoặc có thời hạn không đọc được",
        "the due date that was given (NgayHenTra), or the time limit in the procedure's record",
        "ngày hẹn trả đã hẹn (NgayHenTra), hoặc thời hạn trong dữ liệu thủ tục",
        PROVINCE,
    ),
    "not_online": _never("it was not handed in online", "không nộp trực tuyến"),
    "result_missing": Why(
        "no result paper is listed",
        "chưa có giấy tờ kết quả",
        "the result paper with its code (MaGiayToKetQua) and public link (DuongDanTepTinKetQua)",
        "giấy tờ kết quả kèm mã (MaGiayToKetQua) và đường dẫn công khai (DuongDanTepTinKetQua)",
        PROVINCE,
    ),
    "result_without_link": Why(
        "no result paper has a link that may go out",
        "giấy tờ kết quả không có đường dẫn gửi được",
        "the public link of the paper (DuongDanTepTinKetQua); one on an internal address is withheld",
        "đường dẫn công khai của giấy tờ (DuongDanTepTinKetQua); địa chỉ nội bộ không được gửi",
        VENDOR,
    ),
    "result_without_code": Why(
        "no result paper has a code",
        "giấy tờ kết quả không có mã",
        "the code of the paper (MaGiayToKetQua)",
        "mã giấy tờ kết quả (MaGiayToKetQua)",
        PROVINCE,
    ),
    "result_apart": Why(
        "code and link stand at different result papers",
        "mã và đường dẫn nằm ở hai giấy tờ khác nhau",
        "code and link of one and the same paper",
        "mã và đường dẫn của cùng một giấy tờ",
        VENDOR,
    ),
    "not_paid_online": _never("the fee was not paid online", "không thanh toán trực tuyến"),
    "payment_not_stated": Why(
        "how the fee was paid is not stated (DuocThanhToanTrucTuyen 0 or blank)",
        "chưa ghi nhận hình thức thanh toán (DuocThanhToanTrucTuyen 0 hoặc trống)",
        "how it was really paid, recorded in the province's system",
        "ghi nhận hình thức thanh toán thực tế trong phần mềm một cửa",
        PROVINCE,
    ),
    "no_documents": Why(
        "no document is listed",
        "không có thành phần hồ sơ",
        "the documents that were handed in (TaiLieuNop)",
        "các giấy tờ đã nộp (TaiLieuNop)",
        PROVINCE,
    ),
    "not_digitised": Why(
        "no document is marked as digitised",
        "chưa số hóa thành phần hồ sơ",
        "digitise the papers, and mark those that are (DuocSoHoa)",
        "số hóa giấy tờ và đánh dấu giấy tờ đã số hóa (DuocSoHoa)",
        PROVINCE,
    ),
    "not_reused": _never("no document was taken from the national store", "không lấy giấy tờ từ kho dữ liệu quốc gia"),
    "reuse_not_stated": Why(
        "no document says whether it was taken from the national store",
        "không giấy tờ nào ghi có lấy từ kho dữ liệu quốc gia hay không",
        "the mark DuocLayTuKhoDMQG of each document",
        "đánh dấu DuocLayTuKhoDMQG cho từng giấy tờ",
        VENDOR,
    ),
    "not_verified": _never("the account was not verified by VNeID", "tài khoản chưa được xác thực với VNeID"),
    "identity_not_stated": Why(
        "the source does not say whether the account was verified",
        "nguồn không ghi tài khoản đã xác thực hay chưa",
        "the mark of the verification (TaiKhoanDuocXacThucVoiVNeID)",
        "đánh dấu xác thực (TaiKhoanDuocXacThucVoiVNeID)",
        VENDOR,
    ),
    "waiting": Why(
        "its newest version has not been sent yet",
        "bản mới nhất chưa gửi",
        "the next lienthong sync",
        "lần đồng bộ tới",
        ENGINEER,
    ),
    "unknown": Why(
        "it was sent without a readable answer",
        "đã gửi, chưa rõ kết quả",
        "the next lienthong sync, which looks it up first",
        "lần đồng bộ tới, có tra cứu trước",
        ENGINEER,
    ),
    "published_late": _never(
        "it came on the national database more than 5 working days after the decision",
        "công khai muộn hơn 5 ngày làm việc kể từ ngày quyết định",
    ),
}
"""By reason. Of a held dossier the reason of its quarantine item stands, explained by schemas.reasons."""

OUTSIDE: dict[str, tuple[str, str]] = {
    "not_synced": ("not on the national side", "chưa có ở phía quốc gia"),
    "open": ("not ended yet", "chưa kết thúc"),
    "open_overdue": ("not ended yet, and past its due date", "chưa kết thúc, đã quá hạn"),
    "no_fee": ("every fee is 0, or none is listed", "không có phí, lệ phí"),
    "no_result_due": ("no result paper is due", "chưa đến lúc hoặc không phải trả giấy tờ kết quả"),
    "no_receipt": ("no NgayTiepNhan that can be read", "không có ngày tiếp nhận đọc được"),
}
"""Why a dossier is not in an indicator's denominator, in English and Vietnamese."""


def why(reason: str) -> Why:
    """The words for a reason: the indicators' own, else those of the quarantine."""
    if reason in WHYS:
        return WHYS[reason]
    held = explain(reason)
    return Why(
        f"it is held: {held.meaning}",
        f"đang bị giữ lại: {held.nghia}",
        "mend it at the source, or its mapping, then redrive it",
        "sửa tại nguồn hoặc bảng ánh xạ, rồi gửi lại",
        held.who,
    )
