"""Lists what people and programs call a password, a token or a key, in many languages."""

# fmt: off
PASSWORD_WORDS = [
    "password", "passwd", "passphrase", "passwort", "kennwort", "wachtwoord", "adgangskode", "kodeord", "passord",
    "lösenord", "salasana", "senha", "contraseña", "contrasena", "mot de passe", "parola", "parolă", "hasło", "haslo",
    "heslo", "jelszó", "şifre", "sifre", "пароль", "пароля", "κωδικός πρόσβασης", "κωδικός", "kata sandi", "mật khẩu",
    "密码", "密碼", "口令", "パスワード", "暗証番号", "비밀번호", "암호", "كلمة المرور", "كلمة السر", "رمز عبور",
    "סיסמה", "סיסמא", "पासवर्ड", "รหัสผ่าน",
]
SHORT_PASSWORD_WORDS = ["pass", "pwd", "psw", "mdp"]
SECRET_WORDS = [
    "secret access key", "secret key", "secret", "token", "api key", "access key", "account key", "private key",
    "encryption key", "signing key", "auth key", "credentials", "credential", "api schlüssel", "clé api", "clave api",
    "chave api", "ключ api", "api ключ", "токен", "密钥", "密鑰", "秘钥", "令牌", "秘密鍵", "トークン", "api キー",
    "토큰",
]
# Words that follow the name in a sentence that states a password: "the password is", "das Passwort lautet", "密码是".
TELLING_WORDS = [
    "is", "was", "lautet", "ist", "war", "est", "es", "é", "är", "er", "on", "jest", "je", "byl", "volt", "là", "это",
]
# fmt: on
TELLING_SIGNS = "是为為は은는"
