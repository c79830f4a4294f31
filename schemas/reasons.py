"""Why something is held, in words, and who must act. Reasons are stable words; mappings and expectations give them."""

from dataclasses import dataclass

PROVINCE = "the province"
VENDOR = "the vendor of the province's system"
ENGINEER = "the integration engineer"
NATIONAL = "the national adapter's operator"


@dataclass(frozen=True, slots=True)
class Reason:
    """What a reason means in English and Vietnamese, and whom to call."""

    meaning: str
    nghia: str
    who: str


REASONS: dict[str, Reason] = {
    "unmapped_procedure": Reason(
        "the procedure is not in the national list", "thủ tục không có trong danh mục quốc gia", PROVINCE
    ),
    "unmapped_status": Reason("the status is in no code list", "trạng thái không có trong bảng mã", ENGINEER),
    "unmapped_agency": Reason("the agency is in no code list", "cơ quan không có trong bảng mã", ENGINEER),
    "missing_received": Reason("the dossier has no time of receipt", "hồ sơ không có ngày tiếp nhận", PROVINCE),
    "missing_submitted": Reason("the dossier has no time of submission", "hồ sơ không có ngày nộp", PROVINCE),
    "missing_owner": Reason("the dossier has no owner", "hồ sơ không có chủ hồ sơ", PROVINCE),
    "bad_identity": Reason(
        "the identity number has neither 12 nor 9 digits", "số định danh không đủ 12 hoặc 9 chữ số", PROVINCE
    ),
    "impossible_dates": Reason(
        "the dates contradict each other or lie outside any sense", "các mốc thời gian mâu thuẫn hoặc vô lý", PROVINCE
    ),
    "bad_date": Reason("a date cannot be read", "không đọc được ngày tháng", VENDOR),
    "bad_value": Reason("a field has another type than agreed", "kiểu dữ liệu không đúng quy ước", VENDOR),
    "bad_subject": Reason("the subject is empty or too long", "trích yếu trống hoặc quá dài", PROVINCE),
    "bad_channel": Reason("the channel is none of 1, 2, 3", "kênh thực hiện không hợp lệ", ENGINEER),
    "bad_applicant_kind": Reason("the kind of applicant is none of 1 to 4", "loại đối tượng không hợp lệ", ENGINEER),
    "conflicting_duplicate": Reason(
        "another record claims this dossier code with other content, or another province has it",
        "bản ghi khác cùng mã hồ sơ nhưng khác nội dung, hoặc mã đã thuộc tỉnh khác",
        PROVINCE,
    ),
    "step_without_time": Reason("a progress step has no time", "bước xử lý không có thời điểm", PROVINCE),
    "impossible_transition": Reason(
        "a progress step may not follow the one before it", "bước xử lý không hợp lệ so với bước trước", PROVINCE
    ),
    "waits_for_step": Reason("it comes behind a held step", "chờ một bước xử lý đang bị giữ lại", PROVINCE),
    "late_step": Reason(
        "it is older than a step that the national side already has", "cũ hơn bước đã gửi lên quốc gia", PROVINCE
    ),
    "refused_nationally": Reason("the national side refused it", "hệ thống quốc gia từ chối", NATIONAL),
    "unsendable": Reason("the national mapping cannot say it", "không chuyển được sang cấu trúc quốc gia", ENGINEER),
}


def explain(reason: str) -> Reason:
    """The words for a reason; a steward's own reason, or `missing_<field>`, is explained by its name."""
    if reason in REASONS:
        return REASONS[reason]
    words = reason.replace("_", " ")
    if reason.startswith("missing_"):
        field = words.removeprefix("missing ")
        return Reason(f"a mandatory field is missing: {field}", f"thiếu trường bắt buộc: {field}", PROVINCE)
    return Reason(words, words, ENGINEER)
