"""Masks secrets before anything is stored: keys, tokens, passwords and card numbers become `[redacted:kind]`.

Every pattern has bounded or possessive repetition, so time is linear in the text. A text is gone over until nothing
more is found: masking what was masked before changes nothing.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

from memories.records import Document, Event


class Rule(NamedTuple):
    """What to look for; `masked` gives the replacement, or the matched text itself where it is no secret after all."""

    pattern: re.Pattern[str]
    masked: Callable[[re.Match[str]], str]


TOKENS = {
    "aws-key": r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}",
    "github-token": r"(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255})",
    "gitlab-token": r"gl(?:pat|dt|rt|ptt|cbt|soat|ft|imt|agent|oas)-[A-Za-z0-9_.-]{19,254}[A-Za-z0-9_-]",
    "slack-token": r"(?:xox[abeoprs]|xapp)-[A-Za-z0-9-]{10,255}",
    "google-key": r"(?:AIza[A-Za-z0-9_-]{35}|ya29\.[A-Za-z0-9_-]{20,2000}|GOCSPX-[A-Za-z0-9_-]{28})",
    "stripe-key": r"(?:(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{10,255}|whsec_[A-Za-z0-9+/=]{20,255})",
    "anthropic-key": r"sk-ant-[A-Za-z0-9_-]{16,255}",
    "openai-key": r"sk-(?:(?:proj|svcacct|admin|or)-[A-Za-z0-9_-]{16,255}"
    r"|(?=[A-Za-z_-]{0,64}[0-9])[A-Za-z0-9_-]{20,255})",
    "api-key": r"(?:hf_[A-Za-z]{34}|npm_[A-Za-z0-9]{36}|gsk_[A-Za-z0-9]{40,64}|xai-[A-Za-z0-9]{40,120}"
    r"|pypi-[A-Za-z0-9_-]{40,400}|SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{32,64}|do[por]_v1_[a-f0-9]{64}"
    r"|shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}|[0-9]{8,10}:AA[A-Za-z0-9_-]{33})",
    "jwt": r"eyJ[A-Za-z0-9_-]{8,16384}\.eyJ[A-Za-z0-9_-]{4,16384}\.[A-Za-z0-9_-]{0,16384}",
}
TOKEN = re.compile(
    "(?<![A-Za-z0-9_-])(?:"
    + "|".join(f"(?P<{kind.replace('-', '_')}>{pattern})" for kind, pattern in TOKENS.items())
    + ")(?![A-Za-z0-9_-])"
)
SLACK_HOOK = re.compile(r"(?<=hooks\.slack\.com/services/)[A-Za-z0-9/]{20,255}")

PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}+(?:(?<=PRIVATE KEY)|(?<=PRIVATE KEY BLOCK))-----"
    r"(?:[^-]{0,65536}+(?>(?:-(?!----)[^-]{0,65536}+){0,64})-----END [A-Z0-9 ]{1,40}-----"
    r"|(?>(?:(?>(?:\s|\\[nr])+)[A-Za-z0-9+/=]{16,128}+){0,1024})(?:(?:\s|\\[nr])[A-Za-z0-9+/]{1,127}={1,2})?)"
)

BEARER = re.compile(r"(?i)\b(?P<scheme>bearer|basic)[ \t]{1,4}(?P<value>[A-Za-z0-9._~+/=-]{12,16384})")

# the last @ before the path ends the password, for people do not always encode one within
URL_PASSWORD = re.compile(
    r"(?P<before>[A-Za-z][A-Za-z0-9+.-]{0,20}://[^\s:/?#@\"'<>]{0,256}+:)(?!\[redacted:)[^\s/?#\"'<>]{1,256}(?=@)"
)

PASSWORD_WORDS = (
    *("password", "passwd", "passphrase", "passwort", "kennwort", "wachtwoord", "adgangskode", "kodeord", "passord"),
    *(
        "lösenord",
        "salasana",
        "senha",
        "contraseña",
        "contrasena",
        "mot de passe",
        "parola",
        "parolă",
        "hasło",
        "haslo",
    ),
    *(
        "heslo",
        "jelszó",
        "şifre",
        "sifre",
        "пароль",
        "пароля",
        "κωδικός πρόσβασης",
        "κωδικός",
        "kata sandi",
        "mật khẩu",
    ),
    *("密码", "密碼", "口令", "パスワード", "暗証番号", "비밀번호", "암호", "كلمة المرور", "كلمة السر", "رمز عبور"),
    *("סיסמה", "סיסמא", "पासवर्ड", "รหัสผ่าน"),
)
SHORT_PASSWORD_WORDS = ("pass", "pwd", "psw", "mdp")
SECRET_WORDS = (
    *("secret access key", "secret key", "secret", "token", "api key", "access key", "private key", "encryption key"),
    *("signing key", "auth key", "credentials", "credential"),
)


def alternatives(words: tuple[str, ...]) -> str:
    return "|".join("[ _-]?".join(map(re.escape, word.split())) for word in words)


# a text without any of these has no assignment: looking for them first is ten times faster
STEMS = {max(word.split(), key=len) for word in PASSWORD_WORDS + SHORT_PASSWORD_WORDS + SECRET_WORDS}
PASSWORD_NAME = rf"(?P<password>{alternatives(PASSWORD_WORDS)}|(?<![a-z])(?:{alternatives(SHORT_PASSWORD_WORDS)}))"
SECRET_NAME = rf"(?P<secret>{alternatives(SECRET_WORDS)})"
# what closes the name and announces the value in JSON, YAML, shells, Python, PHP, Markdown: `"]  = `, `\": \"`, `**: `
SEPARATOR = (
    r"""(?:_?(?:hash|confirmation|value|key|[0-9]{1,3}))?\\?["'`]?\]?[*_]{0,2}[ \t]{0,4}"""
    r"(?P<sign>:=|=>|={1,3}|[:：])[*_]{0,2}(?P<gap>[ \t\u3000]{0,8})"
)
QUOTED = r"""(?P<quote>\\?["'`])(?P<quoted>(?:(?!(?P=quote))[^\n]){1,1024})(?=(?P=quote))"""
BARE = r"""\\?["'`]?(?P<bare>[^\s"'`,;&<>\\。、，；！？]{1,1024}+)(?P<rest>[ \t]{0,8}[^\n]?)"""
ASSIGNMENT = re.compile(rf"(?i)(?P<before>(?:{PASSWORD_NAME}|{SECRET_NAME}){SEPARATOR})(?:{QUOTED}|{BARE})")
NAME = re.compile(rf"(?i)(?:{PASSWORD_NAME}|{SECRET_NAME})[_-]?(?:value|key)?$")
PLAIN_NAME = r"(?P<name>password|passwd|passphrase|token|secret|api[_-]?key)"
FLAG = re.compile(rf"(?i)(?P<before>(?<![\w-])--?{PLAIN_NAME}[ \t]+['\"]?)(?P<value>[^\s\"'\[$<{{-][^\s\"']{{2,255}})")
ELEMENT = re.compile(rf"(?i)(?P<before><(?:\w{{1,32}}:)?{PLAIN_NAME}>)(?P<value>[^<]{{1,1024}})(?=</)")
# what stands for a value in code and documentation
PLACEHOLDER = re.compile(
    r"(?i)(?:str|string|bytes|int|integer|varchar|text|any|none|null|nil|true|false|undefined|required|optional"
    r"|(?:self|this|os|env|process|config|settings|request|args|options)\..*|[*•x.]+|<.*|%\(.*|%s|\{\{.*|\$[({].*"
    r"|(?-i:\$[A-Z][A-Z_]*))[?!.]*$"
)
CALL = re.compile(r"[A-Za-z_][\w.]*[(\[]")
COLONS = (":", "：")
CHOSEN = re.compile(r"[0-9@#$%^&*_+=~]")
FIRST_SCRIPT_WITHOUT_SPACES = "\u0e00"
SHORTEST_PASSWORD = 3
SHORTEST_SECRET = 8

CARD = re.compile(
    r"(?<![A-Za-z0-9_.+-])"
    r"(?:(?:[3-6][0-9]{12,18}|2[2-7][0-9]{14})"
    r"|(?<![0-9]{4} )(?<![A-Z]{2}[0-9]{2} )"
    r"[2-6][0-9]{3}(?P<sign>[ -])[0-9]{4}(?P=sign)[0-9]{4}(?P=sign)[0-9]{4}(?:(?P=sign)[0-9]{1,3})?"
    r"|3[0-9]{3}(?P<sign3>[ -])[0-9]{6}(?P=sign3)[0-9]{4,5})"
    r"(?![A-Za-z0-9_]|[ -][0-9]|\.[0-9])"
)


def redact(text: str) -> tuple[str, int]:
    """The text with its secrets masked, and how many they were."""
    total = 0
    while True:
        count = 0
        for rule in RULES if names_a_secret(text) else RULES_WITHOUT_NAMES:
            text, found = applied(rule, text)
            count += found
        if not count:
            return text, total
        total += count


def redact_document(document: Document) -> Document:
    """The document with every text in it masked, down to the values of its metadata; its identity stays."""
    return replace(
        document,
        content=redact(document.content)[0],
        context=redact(document.context)[0],
        summary=redact(document.summary)[0],
        tags=tuple(redact(tag)[0] for tag in document.tags),
        metadata={redact(key)[0]: redact_value(key, value) for key, value in document.metadata.items()},
    )


def redact_event(event: Event) -> Event:
    """The event with its query, context and tags masked; its identity stays."""
    return replace(
        event,
        query=None if event.query is None else redact(event.query)[0],
        context=None if event.context is None else redact(event.context)[0],
        tags=None if event.tags is None else tuple(redact(tag)[0] for tag in event.tags),
    )


def redact_value(name: str, value: object) -> object:
    """A JSON value, masked; a text is a secret as a whole where its name says so."""
    if isinstance(value, Mapping):
        names = {key: redact(str(key))[0] for key in value}
        return {names[key]: redact_value(names[key], each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [redact_value(name, each) for each in value]
    if not isinstance(value, str):
        return value
    masked = redact(value)[0]
    match = NAME.search(name)
    if match and value_is_secret(masked, match["password"] is not None, strict=False):
        return mask("password" if match["password"] else "secret")
    return masked


def names_a_secret(text: str) -> bool:
    lowered = text.lower()
    return any(stem in lowered for stem in STEMS)


def applied(rule: Rule, text: str) -> tuple[str, int]:
    count = 0

    def masked(match: re.Match[str]) -> str:
        nonlocal count
        replacement = rule.masked(match)
        count += replacement != match[0]
        return replacement

    return rule.pattern.sub(masked, text), count


def mask(kind: str) -> str:
    return f"[redacted:{kind}]"


def masked_token(match: re.Match[str]) -> str:
    return mask((match.lastgroup or "token").replace("_", "-"))


def masked_bearer(match: re.Match[str]) -> str:
    has_digit = any(character.isdigit() for character in match["value"])
    return f"{match['scheme']} {mask('token')}" if has_digit else match[0]


def masked_assignment(match: re.Match[str]) -> str:
    is_password = match["password"] is not None
    kind = mask("password" if is_password else "secret")
    if match["quoted"] is not None:
        is_secret = value_is_secret(match["quoted"], is_password, strict=False)
        return f"{match['before']}{match['quote']}{kind}" if is_secret else match[0]
    value = match["bare"].rstrip(".:)]}|")
    if CALL.match(value) or not value_is_secret(
        value, is_password, strict=match["sign"] in COLONS or bool(match["gap"])
    ):
        return match[0]
    if is_password and is_prose(match, value):
        return match[0]
    start = match.start("bare") - match.start()
    return match[0][:start] + kind + match[0][start + len(value) :]


def is_prose(match: re.Match[str], value: str) -> bool:
    """Whether `password: value` may be a sentence: a word without digit or sign, and not the only one on the line."""
    without_spaces = max(value) >= FIRST_SCRIPT_WITHOUT_SPACES
    if match["sign"] not in COLONS or not (match["gap"] or without_spaces):
        return False
    return not CHOSEN.search(value) and (without_spaces or bool(match["rest"].strip()))


def value_is_secret(value: str, is_password: bool, strict: bool) -> bool:
    """Whether a value after such a name is a secret: a password may be any word, but a token in prose has digits."""
    if value.startswith("[redacted:") or PLACEHOLDER.match(value):
        return False
    if is_password:
        return len(value) >= SHORTEST_PASSWORD
    mixed = any(character.isalpha() for character in value) and any(character.isdigit() for character in value)
    return len(value) >= SHORTEST_SECRET and " " not in value and (mixed or not strict)


def masked_named(match: re.Match[str]) -> str:
    is_password = match["name"].lower().startswith("pass")
    kind = mask("password" if is_password else "secret")
    return f"{match['before']}{kind}" if value_is_secret(match["value"], is_password, strict=False) else match[0]


def masked_card(match: re.Match[str]) -> str:
    digits = [int(character) for character in match[0] if character.isdigit()]
    return mask("card") if passes_luhn(digits) else match[0]


def passes_luhn(digits: list[int]) -> bool:
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return (sum(doubled) + sum(digits[-1::-2])) % 10 == 0


RULES_WITHOUT_NAMES = (
    Rule(PRIVATE_KEY, lambda match: mask("private-key")),
    Rule(TOKEN, masked_token),
    Rule(SLACK_HOOK, lambda match: mask("slack-token")),
    Rule(URL_PASSWORD, lambda match: match["before"] + mask("password")),
    Rule(BEARER, masked_bearer),
    Rule(CARD, masked_card),
)
RULES = (
    *RULES_WITHOUT_NAMES,
    Rule(FLAG, masked_named),
    Rule(ELEMENT, masked_named),
    Rule(ASSIGNMENT, masked_assignment),
)
