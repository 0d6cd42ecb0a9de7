"""Masking twice is masking once, and a secret is found anywhere in a text."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingest.redaction.redact import redact, redact_value

PIECES = st.sampled_from(
    [
        *(
            "password",
            "Passwort",
            "token",
            "secret",
            "пароль",
            "密码",
            "api_key",
            "pass",
            "--password ",
            "bearer ",
            "Basic ",
        ),
        *(
            ":",
            "=",
            "：",
            " ",
            "\n",
            '"',
            "'",
            "\\",
            "[",
            "]",
            "(",
            "{",
            "<",
            ">",
            "/",
            "://",
            "@",
            "-",
            "_",
            ".",
            ",",
            "*",
            "`",
        ),
        *("ghp_" + "a1" * 18, "sk-ant-" + "b2" * 10, "AKIA" + "X" * 16, "eyJ" + "a" * 10, "4111111111111111", "4111 "),
        *(
            "-----BEGIN PRIVATE " + "KEY-----",
            "-----END PRIVATE KEY-----",
            "MIIEabcdefghijklmnop",
            "http://u:p1@h",
            "abc123",
        ),
        *("[redacted:password]", "[redacted:", "redacted:card]", "None", "hunter2", "é", "1", "x"),
    ]
)
TEXTS = st.lists(PIECES | st.text(max_size=4), max_size=25).map("".join)


@settings(max_examples=600, deadline=None)
@given(TEXTS)
def test_masking_again_changes_nothing(text: str) -> None:
    masked, _ = redact(text)
    assert redact(masked) == (masked, 0)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60), st.text(max_size=60))
def test_a_key_is_masked_in_any_surroundings(before: str, after: str) -> None:
    key = "ghp_" + "a1" * 18
    masked, count = redact(f"{before} {key} {after}")
    assert key not in masked
    assert count >= 1


@settings(max_examples=60, deadline=None)
@given(st.recursive(st.none() | st.integers() | TEXTS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner)))
@example({"token": "password-----BEGIN PRIVATE KEY-----"})
def test_metadata_keeps_its_shape(value: object) -> None:
    masked = redact_value("field", value)
    assert type(masked) is type(value)
    assert redact_value("field", masked) == masked
