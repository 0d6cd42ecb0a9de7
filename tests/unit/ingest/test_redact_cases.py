"""`redact` masks every secret, marked here by « and », and changes nothing else."""

import re

import pytest

from ingest.redaction.redact import redact

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789" * 20
HEX = "0123456789abcdef" * 20
BECH32 = "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L" * 2
BASE64 = "Ab1+" * 30

# Keys are assembled here, so that no repository scanner takes them for real ones.
TOKENS = [
    "hvs." + LETTERS[:95],
    "dapi" + HEX[:32],
    "ATATT3xFfGF0" + LETTERS[:180],
    "AGE-SECRET-KEY-1" + BECH32[:58],
    "MTk4NjIyNDgzNDcxOTI1MjQ4" + ".Cl2FMQ." + "ZnCjm1XVW7vRze4b7Cq4se7kKWs",
    "glsa_" + LETTERS[:32] + "_1a2b3c4d",
    "ntn_" + "12345678901" + LETTERS[:35],
    "pscale_pw_" + LETTERS[:43],
    "dop_v1_" + HEX[:64],
    "NRAK-" + "A1B2C3D4E5F6G7H8I9J0K1L2M3N",
    "PMAK-" + HEX[:24] + "-" + HEX[:34],
    "lin_api_" + LETTERS[:40],
    "key-" + HEX[:32],
    HEX[:32] + "-us12",
    "SK" + HEX[:32],
    "sntryu_" + HEX[:64],
    "tskey-auth-" + LETTERS[:20] + "-" + LETTERS[:20],
    "dckr_pat_" + LETTERS[:27],
    "rubygems_" + HEX[:48],
    "r8_" + LETTERS[:37],
    "pul-" + HEX[:40],
    "xkeysib-" + HEX[:64] + "-" + LETTERS[:16],
    "figd_" + LETTERS[:40],
    "oy2" + LETTERS[:43],
    "dp.pt." + LETTERS[:43],
    "shpat_" + HEX[:32],
    "sq0atp-" + LETTERS[:22],
    "LTAI5t" + LETTERS[:18],
    "L1aW4aubDFB7yfras2S1mN3bqg9" + "nwySY8nkoLmJebSLD5BWv3ENZ",
]
IN_PLACE = [
    "İstanbul, ADMIN PASSWORD: «Hunter2!»",
    "ADMIN PASSWORD: «Hunter2!»; Passwort: «geheim42»",
    f"STRIPE_KEY=«{'a8Kd92jf' + 'kL02mskqWE'}»",
    f"export OPENWEATHER_KEY='«{HEX[:24]}»'",
    f"DefaultEndpointsProtocol=https;AccountName=x;AccountKey=«{BASE64[:84]}Ab==»;EndpointSuffix=core",
    f"Endpoint=sb://x/;SharedAccessKeyName=Root;SharedAccessKey=«{BASE64[:40]}abc=»",
    f"https://x.blob.core.windows.net/c?sv=2020&sig=«{'ab%2F' * 10}%3D»&se=1",
    f"https://b.s3.amazonaws.com/k?X-Amz-Signature=«{HEX[:64]}»",
    f"https://discord.com/api/webhooks/123456789012345678/«{LETTERS[:68]}»",
    "curl -u alice:«s3cr3t» https://x",
    "curl https://x --user 'alice:«s3cr3t»'",
    "curl -s -X POST -u alice:«hunter» https://h",
    "http -a bob:«hunter2» GET x",
    "mysql -u root -p«secret99» db",
    "mysqldump --host h -p«S3cret» db",
    "sshpass -p '«hunter2»' ssh x",
    "redis-cli -h x -a «pa55word» ping",
    "PGPASSWORD=«hunter2» psql",
    "zip -P «hunter2» a.zip b",
    "openssl rsa -passin pass:«hunter2» -in k",
    "ldapsearch -x -D cn=a -w «hunter2» -b x",
    "machine api.heroku.com\n  login me@x\n  password «c4cd94da15ea»\n",
    "machine h login bob password «hunter»",
    "default login anonymous password «user@site»",
    "db.example.com:5432:mydb:bob:«hunter2»",
    "*:*:*:postgres:«secretpw»",
    '{"auths":{"https://index.docker.io/v1/":{"auth":"«Ym9iOmh1bnRlcjI=»"}}}',
    "bob:«$apr1$abcdefgh$0123456789abcdefghijkl»",
    f"root:«$6$rounds=5000$saltsalt${LETTERS[:86]}»:19000:0:99999:7:::",
    f"alice:«$2y$10${LETTERS[:53]}»",
    "bob:«{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=»",
    f"Administrator:500:«{HEX[:32]}:{HEX[:32]}»:::",
    "Password:\n«hunter2»",
    "The wifi password:\n\n`«Tr0ub4dor&3»`",
    "## Password\n\n«hunter2»\n",
    "password: |\n  «hunter2 is it\n  more»\nnext: 1",
    "passwd: >-\n    «correct horse battery»\n",
    "| user | password |\n|---|---|\n| bob | «hunter2» |\n| al | «swordfish» |",
    "| Password | «hunter2» |\n| Host | x |",
    "| Field | Value |\n|:--|:--|\n| **Password** | `«hunter»` |",
    "the password is «hunter2»",
    "The password for the router is '«correct horse»'.",
    "wifi password is: «Tr0ub4dor»",
    "das Passwort lautet «geheim123»",
    "le mot de passe est «bonjour1»",
    "la contraseña es «gatito9»",
    "lösenordet är «katt123»",
    "密码是«abc12345»",
    "my token is «a1b2c3d4e5f6»",
    "«4111.1111.1111.1111»",
    "«4111\u00a01111\u00a01111\u00a01111»",
    "«4111–1111–1111–1111»",
    "«3782.822463.10005», «6011000990139424», «30569309025904», «3530111333300000»",
    f"private key: «0x{HEX[:64]}»",
    f"the private key of the wallet is «{HEX[:64]}»",
    f"PRIVATE_KEY=«0x{HEX[:64]}»",
    "seed phrase: «abandon ability able about above absent absorb abstract absurd abuse access accident»",
    "api密钥: «a1b2c3d4e5f6»",
    "токен: «abcd1234efgh»",
    "APIキー: «abcd1234efgh»",
    "clé api : «abcd1234efgh»",
    "X-Api-Key: «abcd1234efgh5678»",
    "Cookie: «session=abc123def456; theme=dark»",
    "Authorization: Basic «Ym9iOmh1bnRlcjI=»",
    "Authorization: token «abcdef123456abcdef»",
    'headers={"Authorization": "Bearer «abc123def456»"}',
]
HARMLESS = [
    "PWD=/home/bob OLDPWD=/home/bob/x",
    "pwd: ~/src",
    "basic mathematics101, Basic understanding2, the bearer certificate2024",
    "IMEI 356938035643809, 490154203237518",
    "the password is required to have 8 characters, and the password is in 1Password.",
    "a token is issued for each request; the secret is patience; password reset is due 2024",
    "Password:\n- at least 8 characters\n- one digit",
    "Password:\nRequired",
    "PRIMARY_KEY=id FOREIGN_KEY=user_id_1234567890ab PUBLIC_KEY=abc123abc123abc123abc",
    "| user | age |\n|---|---|\n| bob | 12 |",
    "| password | required |\n|---|---|",
    "main.c:1200:5:error:undefined reference to x\n10:30:15:foo:bar",
    f"sha256:{HEX[:64]}, commit {HEX[:40]}, transaction 0x{HEX[:64]}",
    "docker run -p 8080:80 nginx; ssh -p 22 x; mkdir -p a/b; curl -u alice https://x:8080; mysql -P 3306 -u root -p",
    "version 4111.1111, 1.2.3.4111, call 4111 1111, ISBN 9783161484100, 1700000000000000",
    "the machine can login with a password of your choice; default password policies apply",
    "the recovery: slow and steady over many weeks as we all had hoped and prayed for",
    "cookie: chocolate chip; what is the token budget? 4096; boarding pass: gate B12",
    "skating on thin ice; sk-learn-contrib-package-name; API-REFERENCE; SKELETON; sl.wikipedia.org/wiki/abc",
]


@pytest.mark.parametrize("token", TOKENS)
def test_a_token_is_masked_wherever_it_stands(token: str) -> None:
    for text in (token, f"use {token}, please", f'x="{token}"', f"钥{token}。"):
        masked, count = redact(text)
        assert count == 1
        assert re.fullmatch(re.escape(text).replace(re.escape(token), r"\[redacted:[a-z-]+\]"), masked)


@pytest.mark.parametrize("marked", IN_PLACE)
def test_a_secret_is_masked_by_its_place_and_nothing_else_changes(marked: str) -> None:
    kept = re.split("«[^»]*»", marked)
    expected = r"\[redacted:[a-z-]+\]".join(map(re.escape, kept))
    masked, count = redact(marked.replace("«", "").replace("»", ""))
    assert re.fullmatch(expected, masked)
    assert count == len(kept) - 1
    assert redact(masked) == (masked, 0)


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_like_a_secret_stays(text: str) -> None:
    assert redact(text) == (text, 0)
