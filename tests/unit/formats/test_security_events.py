"""Security events as OCSF, CEF and syslog: held against the published schema, and read back."""

import re

import jsonschema_rs
import pytest
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

from tests.paths import REPOSITORY
from wherefrom.formats import cef, ocsf, syslog
from wherefrom.formats.security_event import KINDS, SEVERITIES, SecurityEvent

ORIGIN = "log.example/siem"
AT, RECEIVED = "2026-01-01T10:00:00.250000Z", "2026-01-01T10:00:01.000000Z"
KEY, SIGNER, THING = "k:" + "a" * 32, "k:" + "c" * 32, "sha256:" + "b" * 64
SCHEMA = get_ocsf_schema(version=ocsf.VERSION)
CLASSES = {one["uid"]: one for one in SCHEMA["classes"].values()}
EMBEDDED = OcsfJsonSchemaEmbedded(SCHEMA)


def event(name="key.revoked", **changes):
    return SecurityEvent(
        **{
            "name": name, "entry": 812, "at": AT, "received": RECEIVED, "message": "it happened",
            "severity": KINDS[name].severity, "actor": KEY, "thing": THING,
            "environment": "prod", "service": "cart", "rules": ("scanned", "built"),
            "found": ("CVE-2026-1234",), "told": {"reason": "leaked", "policy": "production 3"},
            "record_kind": "key", "record_type": "t", "trust": "self", "signers": (SIGNER,),
            "producer": "self", **changes,
        }
    )  # fmt: skip


def written(one):
    return ocsf.to_object(one, origin=ORIGIN, version="1.2.3")


def faults(made):
    name = EMBEDDED.lookup_class_name_from_uid(made["class_uid"])
    validator = jsonschema_rs.Draft202012Validator(EMBEDDED.get_class_schema(name))
    return [f"{e.instance_path}: {e.message[:200]}" for e in validator.iter_errors(made)]


BARE = {
    "thing": "", "thing_name": "", "environment": "", "service": "", "rules": (), "told": {},
    "actor": "", "signers": (),
}  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("changes", [{}, BARE, {"thing_name": "x", "failed": True}], ids=str)
def test_every_event_is_what_the_published_schema_describes(name, changes):
    made = written(event(name, **changes))
    assert faults(made) == []
    assert made["type_uid"] == made["class_uid"] * 100 + made["activity_id"]
    assert made["category_uid"] == made["class_uid"] // 1000


@pytest.mark.parametrize("action", ["rollback", "block"])
def test_a_remedy_that_goes_back_restores(action):
    made = written(event("response.ended", told={"action": action, "outcome": "done"}))
    assert faults(made) == []
    assert made["activity_id"] == (3 if action == "rollback" else 0)
    assert made["type_uid"] == 700100 + made["activity_id"]
    assert made["type_name"].endswith("Restore" if action == "rollback" else "Unknown")
    assert made["status_id"] == 1


@pytest.mark.parametrize("field", ["time", "severity_id", "type_uid", "metadata", "class_uid"])
def test_the_schema_would_find_what_is_missing_or_too_much(field):
    made = written(event("artifact.denied"))
    if field != "class_uid":
        assert faults({k: v for k, v in made.items() if k != field})
    assert faults({**made, "type_uid": 200399 + 1})
    assert faults({**made, "of_our_own": 1})


def test_captions_are_those_of_the_published_schema():
    for uid, (caption, category, activities) in ocsf.CLASSES.items():
        said = CLASSES[uid]
        assert (said["caption"], said["category_name"]) == (caption, category)
        named = {int(k): v["caption"] for k, v in said["attributes"]["activity_id"]["enum"].items()}
        assert {k: named[k] for k in activities} == activities
    enum = next(iter(CLASSES.values()))["attributes"]["severity_id"]["enum"]
    assert {int(k): v["caption"] for k, v in enum.items() if int(k) in SEVERITIES} == SEVERITIES


def test_an_event_has_one_id_and_says_where_in_the_log_it_is():
    made = written(event(number=3))["metadata"]
    assert (made["uid"], made["sequence"]) == (f"{ORIGIN}#812.3", 812)
    assert made["logged_time"] - written(event())["time"] == 750


def test_what_opens_a_finding_and_what_closes_it_have_one_id():
    opened, closed = (written(event(f"artifact.{to}")) for to in ("denied", "allowed"))
    assert opened["finding_info"]["uid"] == closed["finding_info"]["uid"]
    assert (opened["status_id"], closed["status_id"]) == (1, 4)
    assert opened["compliance"]["status"] == "Fail"
    elsewhere = written(event("artifact.denied", environment="stage"))
    assert elsewhere["finding_info"]["uid"] != opened["finding_info"]["uid"]


# -- CEF


def parsed(line):
    """CEF as a receiver reads it: seven fields, then keys and values, each unescaped."""
    fields = re.split(r"(?<!\\)(?:\\\\)*\|", line, maxsplit=7)
    assert len(fields) == 8, line
    header, extension = fields[:7], fields[7]
    starts = list(re.finditer(r"(?:^| )([A-Za-z0-9]+)(?<!\\)=", extension))
    values = {}
    for one, after in zip(starts, [*starts[1:], None], strict=True):
        raw = extension[one.end() : after.start() if after else None]
        values[one[1]] = re.sub(
            r"\\(.)", lambda m: {"n": "\n", "r": "\r"}.get(m[1], m[1]), raw
        )  # fmt: skip
    return header, values


HARD = (
    r"a|b \ c=d", "two\nlines", "a\r\nb", r"\n is no break", "ends in \\", "x externalId=7 y=z",
    "a\u2028b", "Grüße ☕", "tab\tkept", "null\x00gone", "=", "|", "\\", "\\\\|=",
)  # fmt: skip


@pytest.mark.parametrize("text", HARD)
def test_what_is_hard_in_a_value_is_read_back_as_it_was(text):
    line = cef.to_line(event(message=text, told={"reason": text}), origin=ORIGIN, version="1")
    assert len(line.splitlines()) == 1
    header, values = parsed(line)
    meant = re.sub(r"\r\n|[\n\u2028]", "\n", text).replace("\x00", "").strip(" ")
    assert values["msg"] == values["reason"] == meant
    assert values["externalId"] == "812"
    assert header[0] == "CEF:0"


@pytest.mark.parametrize("text", HARD)
def test_what_is_hard_in_a_field_stays_in_it(text):
    line = cef.to_line(event(), origin=ORIGIN, version=text)
    assert len(line.splitlines()) == 1
    header, values = parsed(line)
    assert header[4:] == ["key.revoked", "A key is revoked", "7"]
    assert values["msg"] == "it happened"


def test_a_line_of_cef_in_full():
    line = cef.to_line(event(failed=True, number=2, rules=("a=b",)), origin=ORIGIN, version="1|2")
    assert line == (
        r"CEF:0|Wherefrom|Wherefrom|1\|2|key.revoked|A key is revoked|7|"
        "rt=1767261601000 end=1767261600250 externalId=812 dvchost=log.example/siem cat=key "
        f"act=key.revoked suser={KEY} outcome=failure reason=leaked msg=it happened "
        f"cn1=2 cn1Label=event of the record cs1={THING} cs1Label=thing cs2=cart "
        r"cs2Label=service cs3=prod cs3Label=environment cs4=a\=b cs4Label=rules "
        f"cs5=self {SIGNER} cs5Label=trust cs6=t cs6Label=record type"
    )


def test_values_are_no_longer_than_the_dictionary_allows():
    long = "y" * 9_000
    made = cef.to_line(
        event(message=long, told={"reason": long}, thing=long, actor=long), origin=long, version="1"
    )
    _, values = parsed(made)
    assert {k: len(v) for k, v in values.items() if set(v) == {"y"}} == {
        "dvchost": 100, "suser": 1023, "reason": 1023, "msg": 1023, "cs1": 4000,
    }  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_every_severity_of_cef_is_one_of_its_scale(name):
    header, _ = parsed(cef.to_line(event(name), origin=ORIGIN, version="1"))
    assert 0 <= int(header[6]) <= 10


# -- syslog

MESSAGE = re.compile(
    rb"<([0-9]{1,3})>1 (\S+) ([!-~]{1,255}) ([!-~]{1,48}) ([!-~]{1,128}) ([!-~]{1,32}) "
    rb'((?:\[[!-~]+(?: [!-~]+="(?:[^"\\\]]|\\["\\\]])*")*\])+|-)(?: (.*))?',
    re.DOTALL,
)


def message(**changes):
    return syslog.to_message(
        **{"text": "CEF:0|…", "severity": 4, "time": AT, "host": "web-1", "name": "key.revoked",
           "number": 812, "version": "1.2", **changes}
    )  # fmt: skip


def test_a_message_is_what_rfc_5424_describes():
    found = MESSAGE.fullmatch(message())
    assert found is not None
    assert found.groups() == (
        b"107", AT.encode(), b"web-1", b"wherefrom", b"-", b"key.revoked",
        b'[meta sequenceId="813"][origin software="wherefrom" swVersion="1.2"]',
        "CEF:0|…".encode(),
    )  # fmt: skip


@pytest.mark.parametrize(("changes", "group", "said"), [
    ({"host": "a b\nc"}, 3, b"a_b_c"), ({"host": ""}, 3, b"-"),
    ({"host": "h" * 300}, 3, b"h" * 255),
    ({"name": "n" * 40}, 6, b"n" * 32),
    ({"version": 'a"]\\b'}, 7,
     rb'[meta sequenceId="813"][origin software="wherefrom" swVersion="a\"\]\\b"]'),
    ({"number": 2**31}, 7, b'[meta sequenceId="2"][origin software="wherefrom" swVersion="1.2"]'),
    ({"severity": 5}, 1, b"106"), ({"severity": 1}, 1, b"110"),
])  # fmt: skip
def test_every_part_of_a_message_is_what_it_may_be(changes, group, said):
    found = MESSAGE.fullmatch(message(**changes))
    assert found is not None
    assert found[group] == said


def test_a_message_has_its_length_in_bytes_before_it():
    said = message(text="Grüße\nand a second line")
    assert syslog.framed(said) == str(len(said)).encode() + b" " + said


# -- the table of the docs


def test_the_page_says_of_every_event_what_the_code_says():
    page = (REPOSITORY / "docs" / "siem.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| `([a-z_]+\.[a-z_]+)` \| .+ \| ([A-Za-z ]+) (\d{4}) \| ([A-Za-z ]+) "
        r"\| ([A-Za-z]+) \|$",
        page, re.M,
    )  # fmt: skip
    assert {name: rest for name, *rest in rows} == {
        name: [
            ocsf.CLASSES[kind.class_uid][0], str(kind.class_uid),
            ocsf.CLASSES[kind.class_uid][2][kind.activity_id], SEVERITIES[kind.severity],
        ]
        for name, kind in KINDS.items()
    }  # fmt: skip
