"""Why something is held, in words, and who must act. Reasons are stable words; mappings and expectations give them."""

from dataclasses import dataclass

from schemas.field_names import ten

PROVINCE = "the province"
VENDOR = "the vendor of the province's system"
ENGINEER = "the integration engineer"
NATIONAL = "the national adapter's operator"

AI = {
    PROVINCE: "Tỉnh (cơ quan nhập hồ sơ)",
    VENDOR: "Nhà cung cấp phần mềm",
    ENGINEER: "Kỹ sư tích hợp",
    NATIONAL: "Đơn vị vận hành trục quốc gia",
}
"""Who must act, in Vietnamese."""


@dataclass(frozen=True, slots=True)
class Reason:
    """What a reason means in English and Vietnamese, and whom to call."""

    meaning: str
    nghia: str
    who: str

    @property
    def ai(self) -> str:
        """Who must act, in Vietnamese."""
        return AI.get(self.who, self.who)


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
        "the identity number has neither 12 nor 9 digits, or names no place or year of birth that can be",
        "số định danh không đủ 12 hoặc 9 chữ số, hoặc mã nơi sinh, năm sinh không thể có",
        PROVINCE,
    ),
    "procedure_not_in_force": Reason(
        "the procedure was closed before the dossier was received",
        "thủ tục đã bị bãi bỏ trước ngày tiếp nhận hồ sơ",
        PROVINCE,
    ),
    "bad_portal": Reason(
        "the place of filing is neither the national nor the provincial portal", "nơi nộp hồ sơ không hợp lệ", ENGINEER
    ),
    "bad_tax_code": Reason("the tax code cannot be one", "mã số thuế không hợp lệ (sai số kiểm tra)", PROVINCE),
    "bad_phone": Reason(
        "no Vietnamese network has this phone number", "số điện thoại không thuộc mạng nào của Việt Nam", PROVINCE
    ),
    "unknown_commune": Reason(
        "no commune had this code by the day of receipt", "mã xã chưa từng tồn tại đến ngày tiếp nhận", PROVINCE
    ),
    "fee_differs": Reason(
        "a fee is a thousand times larger or smaller than the procedure's",
        "phí, lệ phí lệch 1.000 lần so với thủ tục",
        PROVINCE,
    ),
    "due_beyond_limit": Reason(
        "the due date lies beyond the procedure's time limit in working days",
        "ngày hẹn trả vượt thời hạn giải quyết của thủ tục",
        PROVINCE,
    ),
    "outside_gateway": Reason(
        "it was filed online on the provincial portal after the national portal became the only one",
        "hồ sơ nộp trực tuyến trên cổng của tỉnh sau thời điểm chỉ nhận qua Cổng Dịch vụ công quốc gia",
        PROVINCE,
    ),
    "refused_by_target": Reason(
        "the new system refuses the dossier; its words stand beside it",
        "hệ thống mới từ chối hồ sơ; lý do ghi kèm theo",
        ENGINEER,
    ),
    "commune_undecided": Reason(
        "the old commune was split among several, and nothing says which part is meant",
        "xã cũ được chia cho nhiều xã mới, chưa rõ thuộc xã nào",
        PROVINCE,
    ),
    "province_undecided": Reason(
        "the code is that of no province", "mã tỉnh không thuộc tỉnh, thành phố nào", PROVINCE
    ),
    "agency_not_recoded": Reason(
        "the plan's table does not say which agency takes the dossier over",
        "bảng chuyển đổi chưa có cơ quan tiếp nhận hồ sơ này",
        PROVINCE,
    ),
    "code_collision": Reason(
        "another of the merging provinces has the same dossier code",
        "trùng mã hồ sơ với tỉnh khác cùng hợp nhất",
        PROVINCE,
    ),
    "target_differs": Reason(
        "the new system already holds this code, and it is none of the migration's",
        "hệ thống mới đã có mã hồ sơ này, không thuộc dữ liệu chuyển đổi",
        PROVINCE,
    ),
    "result_without_link": Reason(
        "it is finished, a result paper is due, and none comes with a code and a link",
        "hồ sơ đã xong, có kết quả phải trả nhưng thiếu mã hoặc đường dẫn kết quả điện tử",
        PROVINCE,
    ),
    "status_went_back": Reason(
        "its status went back to one that it cannot come to any more",
        "trạng thái lùi về bước không thể quay lại",
        PROVINCE,
    ),
    "blank_due": Reason("it has no due date", "hồ sơ không có ngày hẹn trả", PROVINCE),
    "internal_link": Reason(
        "a link that the public cannot open was withheld", "đường dẫn nội bộ, người dân không mở được", PROVINCE
    ),
    "odd_code": Reason("the dossier code has no known form", "mã hồ sơ không đúng định dạng", PROVINCE),
    "unusual_volume": Reason(
        "far more or far fewer records than on this weekday", "số hồ sơ bất thường so với cùng ngày trong tuần", VENDOR
    ),
    "stale_source": Reason(
        "the source has shown no change for days", "hệ thống nguồn nhiều ngày không có thay đổi", VENDOR
    ),
    "field_gone": Reason(
        "a field that was usually filled is empty", "một trường thường có dữ liệu nay để trống", VENDOR
    ),
    "value_drift": Reason("a code is new, or is not used any more", "xuất hiện mã mới hoặc mã không còn dùng", VENDOR),
    "impossible_dates": Reason(
        "the dates contradict each other or lie outside any sense", "các mốc thời gian mâu thuẫn hoặc vô lý", PROVINCE
    ),
    "bad_date": Reason("a date cannot be read", "không đọc được ngày tháng", VENDOR),
    "bad_code": Reason("a code has a form that no such code has", "mã không đúng cấu trúc", VENDOR),
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
    "not_known_nationally": Reason(
        "it began in a province that was merged, and the national side does not find it; it is never reported as new",
        "hồ sơ của tỉnh cũ trước hợp nhất, hệ thống quốc gia không tìm thấy; không gửi lại như hồ sơ mới",
        NATIONAL,
    ),
    "unsendable": Reason("the national mapping cannot say it", "không chuyển được sang cấu trúc quốc gia", ENGINEER),
}


def explain(reason: str) -> Reason:
    """The words for a reason; a steward's own reason, or `missing_<field>`, is explained by its name."""
    if reason in REASONS:
        return REASONS[reason]
    words = reason.replace("_", " ")
    if reason.startswith("missing_"):
        name, field = reason.removeprefix("missing_"), words.removeprefix("missing ")
        return Reason(f"a mandatory field is missing: {field}", f"thiếu trường bắt buộc: {ten(name)}", PROVINCE)
    return Reason(words, words, ENGINEER)
