"""Vietnamese names of the canonical fields, as the forms of the one-gate call them."""

TEN: dict[str, str] = {
    "dossier_code": "mã hồ sơ",
    "national_code": "mã hồ sơ quốc gia",
    "source_key": "khóa bản ghi nguồn",
    "receipt_no": "số biên nhận",
    "procedure_code": "mã thủ tục hành chính",
    "procedure_code_local": "mã thủ tục của tỉnh",
    "status": "trạng thái hồ sơ",
    "status_source": "trạng thái ở hệ thống nguồn",
    "channel": "kênh thực hiện",
    "applicant_name": "chủ hồ sơ",
    "applicant_kind": "loại đối tượng",
    "applicant_account": "tài khoản người nộp",
    "identifiers": "số định danh",
    "tax_code": "mã số thuế",
    "phone": "số điện thoại",
    "email": "thư điện tử",
    "address": "địa chỉ",
    "commune": "xã, phường",
    "province": "tỉnh, thành phố",
    "subject": "trích yếu",
    "note": "ghi chú",
    "submitted_at": "ngày nộp",
    "received_at": "ngày tiếp nhận",
    "due_at": "ngày hẹn trả",
    "finished_at": "ngày kết thúc xử lý",
    "returned_at": "ngày trả kết quả",
    "refused_at": "ngày từ chối",
    "result_delivery": "hình thức trả kết quả",
    "agency_code": "mã đơn vị xử lý",
    "agency_name": "đơn vị xử lý",
    "portal": "nơi nộp hồ sơ",
    "online_payment": "thanh toán trực tuyến",
    "identity_verified": "tài khoản xác thực VNeID",
    "documents": "thành phần hồ sơ",
    "fees": "phí, lệ phí",
    "supplements": "yêu cầu bổ sung",
    "results": "giấy tờ kết quả",
    "steps": "tiến trình xử lý",
    "level": "cấp thực hiện",
    "former": "mã trước sắp xếp",
    "at": "thời điểm xử lý",
    "officer": "người xử lý",
    "title": "chức danh",
    "unit": "phòng ban xử lý",
    "content": "nội dung",
    "started_at": "ngày bắt đầu",
    "kind": "loại",
    "number": "số",
    "name": "tên",
    "url": "đường dẫn",
    "amount": "mức phí",
}


def ten(field: str) -> str:
    """The name of a field; a steward's own keeps its words.

    >>> ten("dossier_code"), ten("steps.at"), ten("own_field")
    ('mã hồ sơ', 'tiến trình xử lý, thời điểm xử lý', 'own field')
    """
    return ", ".join(TEN.get(part, part.replace("_", " ")) for part in field.split("."))
