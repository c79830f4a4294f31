"""A spec is read as a whole: what one key says of another, and a wrong kind, are told with its line and a near word."""

from pathlib import Path

import pytest

from connectors import ConfigError, load_spec

GOOD = """\
system: small
transport: rest
auth:
  kind: login
  post: login
  body: {user: "{login}", secret: "{password}"}
  token: data.token
every_call:
  headers: {Authorization: "Bearer {token}"}
reply:
  inside: {at: message, as: json}
streams:
  inbox:
    get: inbox
    key: id
    pages:
      by: queue
      acknowledge: seen
    parts:
      files:
        get: files
        params: {dossier: "{record.id}"}
        take: list
      people:
        post: people
        body: {ids: "{keys}"}
        key: id
        batch: 50
operations:
  seen:
    post: seen
    body: {ids: "{keys}"}
    writes: true
  number:
    get: next
    gives: {code: data.value}
  upload:
    post: upload
    multipart:
      dossier: "{code}"
      file: {name: "{item.name}", content: "{item.content}"}
    writes: true
  find:
    get: find
    params: {code: "{code}"}
    example: {code: x}
sequences:
  hand_over:
    - {do: number}
    - {do: upload, each: files, probe: find}
"""
HMAC = """\
auth:
  kind: hmac
  signs: "{method} {path} {timestamp} {unit} {extra.app}"
  headers:
    X-Signature: "{signature}"
    X-Nonce: "{nonce}"
"""
SIGNED = HMAC + GOOD[GOOD.index("reply:") :]
SIGNED = "system: small\ntransport: rest\n" + SIGNED


def error_of(tmp_path: Path, text: str) -> ConfigError:
    file = tmp_path / "small.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_spec(file)
    assert str(caught.value).startswith(f"{file}:{caught.value.line}")
    return caught.value


def test_the_whole_file_is_in_order(tmp_path: Path) -> None:
    for text in (GOOD, SIGNED):
        file = tmp_path / "small.yaml"
        file.write_text(text)
        assert load_spec(file).file == file


@pytest.mark.parametrize(
    ("right", "other", "key", "said"),
    [
        ("acknowledge: seen", "acknowledge: sean", "streams.inbox.pages.acknowledge", "Did you mean 'seen'?"),
        ("acknowledge: seen", "acknowledge: find", "streams.inbox.pages.acknowledge", "find must take {keys}"),
        ("{do: number}", "{do: numbr}", "sequences.hand_over.0.do", "Did you mean 'number'?"),
        ("probe: find", "probe: qqq", "sequences.hand_over.1.probe", "There are: find, number, seen, upload."),
        ("probe: find", "probe: seen", "sequences.hand_over.1.probe", "a probe only looks"),
        (", each: files", "", "sequences.hand_over.1.do", "upload needs each"),
        (
            "{do: number}",
            "{do: number, each: files}",
            "sequences.hand_over.0.each",
            "called the same for each of files",
        ),
        ("{record.id}", "{code}", "streams.inbox.parts.files.params.dossier", "{code} is not known"),
        ("{record.id}", "x", "streams.inbox.parts.files", "does not say which record it is for"),
        ("{record.id}", "{recrod.id}", "streams.inbox.parts.files.params.dossier", "Did you mean {record.id}?"),
        ("{record.id}", "{record.id}/{tokn}", "streams.inbox.parts.files.params.dossier", "Did you mean {token}?"),
        ("        key: id\n        batch: 50\n", "", "streams.inbox.parts.people", "{keys} needs key: and batch:"),
        (
            'people\n        body: {ids: "{keys}"}',
            'people\n        body: {id: "{record.id}"}',
            "streams.inbox.parts.people",
            "{record.id} is of one",
        ),
        ("        get: files\n", "", "streams.inbox.parts.files", "get, post or put is missing"),
        ("    get: next\n", "", "operations.number", "get, post or put is missing"),
        ("{code: data.value}", "{token: data.value}", "operations.number.gives.token", "Choose another name"),
        (
            "    get: find\n",
            "    get: find\n    put: find\n",
            "operations.find.put",
            "get and put: a request has one address",
        ),
        (
            "    get: find\n",
            "    get: find\n    body: {a: 1}\n",
            "operations.find.body",
            "Write its values under params",
        ),
        ("    multipart:\n", "    form: {a: b}\n    multipart:\n", "operations.upload.multipart", "one kind of body"),
        (
            "    get: find\n",
            "    get: find\n    soap_header: {A: b}\n",
            "operations.find.soap_header",
            "transport: soap",
        ),
        ("{code: x}", "{cod: x}", "operations.find.example", "must give exactly code"),
        ('{user: "{login}"', '{user: "{token}"', "auth.body.user", "{token} is not known"),
        ("name: ", "nme: ", "operations.upload.multipart.file.nme", "Did you mean 'name'?"),
        ('name: "{item.name}", ', "", "operations.upload.multipart.file", "the key 'name' is missing"),
        ('dossier: "{code}"\n', "dossier: 5\n", "operations.upload.multipart.dossier", 'Write it in quotes: "5"'),
        ("as: json", "as: jsn", "reply.inside.as", "Did you mean 'json'?"),
        ("as: json", "az: json", "reply.inside.az", "Known here: as, at, may_be_empty."),
        ("by: queue", "by: quue", "streams.inbox.pages", "Did you mean 'queue'?"),
        ("kind: login", "kind: logn", "auth", "Did you mean 'login'?"),
        ("kind: login", "knd: login", "auth", "Did you mean 'kind' where 'knd' stands?"),
        ("take: list", "take: lst", "streams.inbox.parts.files.take", "Did you mean 'list'?"),
        ("batch: 50", "bach: 50", "streams.inbox.parts.people.bach", "Did you mean 'batch'?"),
        ("{do: number}", "{doo: number}", "sequences.hand_over.0.doo", "Did you mean 'do'?"),
        ("  inbox:", "  Inbox:", "streams.Inbox", "'Inbox' is not a name"),
        (
            "    - {do: number}\n    - {do: upload, each: files, probe: find}",
            "    do: number",
            "sequences.hand_over",
            "a list is wanted here",
        ),
    ],
)
def test_what_one_key_says_of_another_must_be_there(
    tmp_path: Path, right: str, other: str, key: str, said: str
) -> None:
    error = error_of(tmp_path, GOOD.replace(right, other, 1))
    assert said in str(error)
    assert error.key == key
    first = GOOD[: GOOD.index(right)].count("\n") + 1
    lines = range(first - 8, first + other.count("\n") + 1)
    assert error.line in lines


@pytest.mark.parametrize(
    ("right", "other", "key", "said"),
    [
        ("{path}", "{pth}", "auth.signs", "Did you mean {path}?"),
        ("{timestamp}", "{signature}", "auth.signs", "{signature} is not known"),
        ("{timestamp}", "{token}", "auth.signs", "{token} is not known"),
        ('"{nonce}"', '"{none}"', "auth.headers.X-Nonce", "Did you mean {nonce}?"),
        ('"{signature}"', '"{timestamp}"', "auth.headers", "no header carries {signature}"),
        ("kind: hmac", "kind: hmca", "auth", "Did you mean 'hmac'?"),
        ("kind: hmac", "kind: hmac\n  encoding: hx", "auth.encoding", "Did you mean 'hex'?"),
        ("kind: hmac", "kind: hmac\n  algoritm: sha1", "auth.algoritm", "Did you mean 'algorithm'?"),
        ("streams:", 'tls: {key: "{extr.key}"}\nstreams:', "tls.key", "{extr.key} is not known"),
        (
            "    get: inbox\n",
            '    get: "inbox/{token}"\n',
            "streams.inbox.get",
            "nothing gives {token}: auth is of kind hmac",
        ),
    ],
)
def test_what_is_signed_is_made_of_what_is_known(tmp_path: Path, right: str, other: str, key: str, said: str) -> None:
    error = error_of(tmp_path, SIGNED.replace(right, other, 1))
    assert said in str(error)
    assert error.key == key


def test_the_line_is_the_one_of_the_text(tmp_path: Path) -> None:
    error = error_of(tmp_path, GOOD.replace("{record.id}", "{record.id}/{tokn}", 1))
    assert error.line == GOOD[: GOOD.index("{record.id}")].count("\n") + 1


def test_a_soap_operation_has_arguments_and_no_body(tmp_path: Path) -> None:
    (tmp_path / "x.wsdl").write_text("<x/>")
    text = "system: small\ntransport: soap\nwsdl: x.wsdl\noperations:\n  a: {post: s, call: A, body: {b: 1}}\n"
    error = error_of(tmp_path, text)
    assert (error.line, error.key) == (5, "operations.a.body")
    assert "Write them under params" in error.next_step


def test_a_probe_must_give_what_the_call_would_have_given(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(
        "system: x\ntransport: rest\noperations:\n"
        "  take: {post: t, gives: {number: data.no}, writes: true}\n  find: {get: f}\n"
        "sequences:\n  intake:\n    - {do: take, probe: find}\n"
    )
    with pytest.raises(ConfigError, match="find does not give number") as wrong:
        load_spec(file)
    assert wrong.value.line == 8
