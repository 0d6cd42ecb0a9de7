from datetime import UTC, datetime

import pytest

from ingest.redaction.redact import redact, redact_document, redact_event
from memories.records import Document, Event

# Written in two parts, so that no repository scanner takes them for real ones.
GITHUB = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
PEM = "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIEow+/=\nabcd\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"a {PEM} b", "a [redacted:private-key] b"),
        ('"key": "' + PEM.replace("\n", "\\n") + '"', '"key": "[redacted:private-key]"'),
        ("-----BEGIN " + "PRIVATE KEY-----\n" + "Ab1+" * 16 + "\nCd2/8Q==\n\nNext", "[redacted:private-key]\n\nNext"),
        (PEM.replace("KEY-----", "KEY BLOCK-----").replace("RSA", "PGP"), "[redacted:private-key]"),
        ("AKIA" + "IOSFODNN7EXAMPLE", "[redacted:aws-key]"),
        (f"use {GITHUB}.", "use [redacted:github-token]."),
        ("github_pat_" + "11ABCDEFG0abcdefghijkl_x", "[redacted:github-token]"),
        ("glpat-" + "abcdefghij0123456789", "[redacted:gitlab-token]"),
        ("xoxb-" + "1234567890-abcdef", "[redacted:slack-token]"),
        (
            "https://hooks.slack.com/services/" + "T000/B000/abcdefghijkl",
            "https://hooks.slack.com/services/[redacted:slack-token]",
        ),
        ("AIza" + "SyA1234567890abcdefghijklmnopqrstuv", "[redacted:google-key]"),
        ("sk_live_" + "abcdefghij0123456789", "[redacted:stripe-key]"),
        ("sk-" + "abcdefghijklmnopqrst1234567890abcd", "[redacted:openai-key]"),
        ("sk-proj-" + "abcdefghijklmnopqrstuvwx", "[redacted:openai-key]"),
        ("sk-ant-" + "api03-abcdefghijklmnop", "[redacted:anthropic-key]"),
        ("密钥sk-ant-" + "api03-abcdefghijklmnop。", "密钥[redacted:anthropic-key]。"),
        ("eyJhbGciOiJI" + "UzI1NiJ9.eyJzdWIiOiIxIn0.abc_DEF", "[redacted:jwt]"),
        ("Authorization: Bearer abcdef1234567890", "Authorization: Bearer [redacted:token]"),
        ("postgres://user:p@ss:w@host/db", "postgres://user:[redacted:password]@host/db"),
        ("redis://:pw123@host", "redis://:[redacted:password]@host"),
        (f"https://me:{GITHUB}@host/x", "https://me:[redacted:github-token]@host/x"),
        ("password=hunter2", "password=[redacted:password]"),
        ("DB_PASSWORD='correct horse'", "DB_PASSWORD='[redacted:password]'"),
        ('{"password": "hunter2", "a": 1}', '{"password": "[redacted:password]", "a": 1}'),
        (r"{\"password\": \"hunter2\"}", r"{\"password\": \"[redacted:password]\"}"),
        ("{password: hunter2}", "{password: [redacted:password]}"),
        ("db:\n  passwd: hunter\n  port: 1", "db:\n  passwd: [redacted:password]\n  port: 1"),
        ('config["password"] = "x9y"', 'config["password"] = "[redacted:password]"'),
        ("'password' => 'x9yz',", "'password' => '[redacted:password]',"),
        ("**Password:** hunter2", "**Password:** [redacted:password]"),
        ("<password>hunter2</password>", "<password>[redacted:password]</password>"),
        ("login --password hunter2 now", "login --password [redacted:password] now"),
        ("Passwort: geheim123, sagte er", "Passwort: [redacted:password], sagte er"),
        ("mot de passe : bonjour1", "mot de passe : [redacted:password]"),
        ("contraseña: gatito9", "contraseña: [redacted:password]"),
        ("senha=gatinho", "senha=[redacted:password]"),
        ("lösenord: katt", "lösenord: [redacted:password]"),
        ("Пароль: кошка7", "Пароль: [redacted:password]"),
        ("密码：abc12345", "密码：[redacted:password]"),
        ("パスワード: neko1234", "パスワード: [redacted:password]"),
        ("비밀번호: abc123!", "비밀번호: [redacted:password]"),
        ("كلمة المرور: abc123", "كلمة المرور: [redacted:password]"),
        ("api_key: 9f8e7d6c5b4a", "api_key: [redacted:secret]"),
        ("GET /?token=abcdefghij&page=2", "GET /?token=[redacted:secret]&page=2"),
        ('"client_secret": "abc-def-ghi"', '"client_secret": "[redacted:secret]"'),
        ("card 4111 1111 1111 1111.", "card [redacted:card]."),
        ("no. 7 5500-0000-0000-0004, 378282246310005", "no. 7 [redacted:card], [redacted:card]"),
        ("卡号4111111111111111。", "卡号[redacted:card]。"),
    ],
)
def test_a_secret_is_masked_and_what_stands_around_it_stays(text: str, expected: str) -> None:
    assert redact(text)[0] == expected


@pytest.mark.parametrize(
    "text",
    [
        "I forgot my password again, and the token of gratitude stayed secret: nobody asked.",
        "Password: the one that nobody remembers. Passwords should be long; a passphrase is better.",
        "Das Passwort: wer es kennt, kommt hinein. Das Geheimnis bleibt eines; es gibt keinen Schlüssel.",
        "Le mot de passe : personne ne le sait. Rendez-vous le 12/03/2024 à 14:30, tél. 01 23 45 67 89.",
        "La contraseña: nadie la sabe. El pase, la clave y el secreto son cosas distintas.",
        "Пароль: никто не помнит. В 2024-01-15 мы пили чай.",
        "密码：请不要告诉别人。我们在2024年1月15日见面。",
        "パスワード：誰にも言わないでください",
        "passwords were discussed; pass the salt; compass: north; bypass=none",
        "The bearer responsibilities are many; basic understanding helps; sk-circle-fade-dot-animation-delay.",
        "2024-01-15 2024-01-16 10:30, +49 170 1234567, (555) 123-4567, 1700000000000, 20240115103000",
        "3f786850e387550fdab836ed7e6dc881de23001b 550e8400-e29b-41d4-a716-446655440000 0.4111111111111111",
        "DE89 3704 0044 0532 0130 00, AT61 4111 1111 1111 1111, ISBN 978-3-16-148410-0, 4111 1111 1111 1112",
        "PL61 1090 4111 1111 1111 1111, 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15",
        "password = get_password()\npassword: str = ''\npassword = os.environ['X']\npassword=${DB_PASS}\npassword=None",
        "max_tokens: 4096, tokenizer: cl100k_base, token = next(tokens)",
        "https://example.org:8080/a@b http://user@host mailto:a@b.c",
        "-----BEGIN CERTIFICATE-----\nMIIEow\n-----END CERTIFICATE-----",
    ],
)
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert redact(text) == (text, 0)


def test_secrets_are_counted() -> None:
    assert redact(f"{GITHUB} password=a1b2 {GITHUB}")[1] == 3


def test_every_text_of_a_document_is_masked_and_its_identity_stays() -> None:
    document = Document(
        source="s",
        native_id="n",
        content=f"c {GITHUB}",
        context=f"x {GITHUB}",
        summary=f"s {GITHUB}",
        tags=("t", GITHUB),
        metadata={
            "a": [{"b": GITHUB, GITHUB: 1}],
            "password": "cat",
            "token": "abc12345",
            "max": 4111111111111111,
            "no": None,
        },
    )
    masked = redact_document(document)
    assert GITHUB not in repr(masked)
    assert masked.id == document.id
    assert masked.tags == ("t", "[redacted:github-token]")
    assert masked.metadata == {
        "a": [{"b": "[redacted:github-token]", "[redacted:github-token]": 1}],
        "password": "[redacted:password]",
        "token": "[redacted:secret]",
        "max": 4111111111111111,
        "no": None,
    }
    assert redact_document(masked) == masked


def test_a_document_without_secrets_is_equal_to_its_masked_self() -> None:
    document = Document("s", "n", "plain", tags=("a",), metadata={"k": ["v", {"w": 1.5}]})
    assert redact_document(document) == document


def test_every_text_of_an_event_is_masked() -> None:
    event = Event("s", "e", "m", "listed", datetime(2024, 1, 1, tzinfo=UTC), query=f"q {GITHUB}", tags=(GITHUB,))
    masked = redact_event(event)
    assert (masked.query, masked.context, masked.tags) == (
        "q [redacted:github-token]",
        None,
        ("[redacted:github-token]",),
    )
    assert masked.id == event.id
