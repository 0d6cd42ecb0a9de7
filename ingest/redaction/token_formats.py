"""Matches keys and tokens of well-known services; the formats follow the rules that gitleaks publishes.

Each format is distinctive, so that it is found in any text, without a name before it.
"""

import re
from collections.abc import Mapping

UUID = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
BASE58 = "[1-9A-HJ-NP-Za-km-z]"

# Keyed by the name that replaces a token; services without a name of their own are an "api-key".
FORMATS: Mapping[str, tuple[str, ...]] = {
    "aws-key": (r"(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z0-9]{16}", r"ABSK[A-Za-z0-9+/]{109,269}={0,2}"),
    "azure-key": (r"[A-Za-z0-9_~.]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34}",),
    "github-token": (r"gh[pousr]_[A-Za-z0-9]{36,255}", r"github_pat_[A-Za-z0-9_]{22,255}"),
    "gitlab-token": (
        r"gl(?:pat|dt|rt|rtr|ptt|cbt|soat|ft|ffct|imt|agent|oas)-[A-Za-z0-9_.-]{19,254}[A-Za-z0-9_-]",
        r"GR1348941[A-Za-z0-9_-]{20}",
    ),
    "slack-token": (r"(?:xox[abeoprs]|xapp|xoxe\.xox[bp])-[A-Za-z0-9-]{10,255}",),
    "google-key": (r"AIza[A-Za-z0-9_-]{35}", r"ya29\.[A-Za-z0-9_-]{20,2000}", r"GOCSPX-[A-Za-z0-9_-]{28}"),
    "stripe-key": (r"(?:sk|rk)_(?:live|test|prod)_[A-Za-z0-9]{10,255}", r"whsec_[A-Za-z0-9+/=]{20,255}"),
    "anthropic-key": (r"sk-ant-[A-Za-z0-9_-]{16,255}",),
    "openai-key": (
        r"sk-(?:proj|svcacct|admin|or)-[A-Za-z0-9_-]{16,255}",
        r"sk-(?=[A-Za-z_-]{0,64}[0-9])[A-Za-z0-9_-]{20,255}",
    ),
    "discord-token": (r"(?:mfa\.[A-Za-z0-9_-]{84}|[MNO][A-Za-z0-9]{23,25}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,38})",),
    "vault-token": (r"hv[sbr]\.[A-Za-z0-9_-]{24,300}", r"s\.(?=[A-Za-z]{0,23}[0-9])[A-Za-z0-9]{24}"),
    "databricks-token": (r"dapi[a-f0-9]{32}(?:-[0-9])?",),
    "atlassian-token": (r"AT(?:ATT|CTT|BB|TA)[A-Za-z0-9_=-]{20,255}",),
    "age-key": (r"AGE-SECRET-KEY-1[A-Z0-9]{58}",),
    "private-key": (rf"xprv{BASE58}{{107,108}}",),
    "jwt": (r"(?:[ps]k\.)?eyJ[A-Za-z0-9_-]{8,16384}\.eyJ[A-Za-z0-9_-]{4,16384}(?:\.[A-Za-z0-9_-]{0,16384})?",),
    "api-key": (
        r"A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})-[A-Z0-9]{5}-[A-Z0-9]{5}-[A-Z0-9]{5}",
        r"ops_eyJ[A-Za-z0-9+/=_-]{100,2000}",
        r"p8e-[A-Za-z0-9]{32}",
        r"pat[A-Za-z0-9]{14}\.[a-f0-9]{64}",
        r"LTAI[A-Za-z0-9]{12,24}",
        r"AKCp[A-Za-z0-9]{69}",
        r"cmVmd[A-Za-z0-9]{59}",
        r"CCIPAT_[A-Za-z0-9]{22}_[a-f0-9]{40}",
        r"CLOJARS_[A-Za-z0-9]{60}",
        r"v1\.0-[a-f0-9]{24}-[a-f0-9]{146}",
        r"CFPAT-[A-Za-z0-9_-]{43}",
        r"do[por]_v1_[a-f0-9]{64}",
        r"dckr_[po]at_[A-Za-z0-9_-]{27,60}",
        r"dp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9.]{40,60}",
        r"sl\.[A-Za-z0-9_=-]{100,2000}",
        r"duffel_(?:test|live)_[A-Za-z0-9_=-]{43}",
        r"dt0[a-z][0-9]{2}\.[A-Z0-9]{24}\.[A-Z0-9]{64}",
        r"EZ[AT]K[A-Za-z0-9]{54}",
        r"EAA[A-Za-z0-9]{90,400}",
        r"figd_[A-Za-z0-9_-]{38,60}",
        r"FLWSECK(?:_TEST)?-[A-Za-z0-9-]{12,60}",
        r"f(?:o1|m1[ar]|m2)_[A-Za-z0-9_+/=-]{40,2000}",
        r"fio-u-[A-Za-z0-9_=-]{64}",
        r"gl(?:c_[A-Za-z0-9+/]{32,400}={0,2}|sa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8})",
        r"(?:pat|sat)\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{20}",
        r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,70}",
        r"HRKU-[A-Za-z0-9_-]{36,70}",
        rf"pat-(?:na|eu|ap)[0-9]-{UUID}",
        r"hf_[A-Za-z]{34}",
        r"api_org_[A-Za-z]{34}",
        r"ico-[A-Za-z0-9]{32}",
        r"lin_(?:api|oauth)_[A-Za-z0-9]{40,64}",
        r"lsv2_(?:pt|sk)_[a-f0-9]{32}_[a-f0-9]{10}",
        r"key-[a-f0-9]{32}",
        r"[a-f0-9]{32}-us[0-9]{1,2}",
        r"[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk",
        r"nfp_[A-Za-z0-9]{36,44}",
        r"NR(?:AK|II|JS|IQ|RA)-[A-Za-z0-9_-]{19,40}",
        r"ntn_[0-9]{11}[A-Za-z0-9]{35}",
        r"secret_[A-Za-z0-9]{43}",
        r"npm_[A-Za-z0-9]{36}",
        r"oy2[a-z0-9]{43}",
        r"API-[A-Z0-9]{25,26}",
        r"sha256~[A-Za-z0-9_-]{43}",
        r"pplx-[A-Za-z0-9]{40,60}",
        r"pcsk_[A-Za-z0-9_]{50,90}",
        r"ph[cx]_[A-Za-z0-9]{40,50}",
        r"pscale_(?:tkn|oauth|pw)_[A-Za-z0-9_=.-]{32,64}",
        rf"access-(?:sandbox|development|production)-{UUID}",
        r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}",
        r"pn[ub]_[A-Za-z0-9]{36}",
        r"pul-[a-f0-9]{40}",
        r"pypi-[A-Za-z0-9_-]{40,400}",
        r"rdme_[a-z0-9]{70}",
        r"r8_[A-Za-z0-9]{37}",
        r"re_[A-Za-z0-9]{8}_[A-Za-z0-9]{24}",
        r"rubygems_[a-f0-9]{48}",
        r"tk-us-[A-Za-z0-9_-]{48}",
        r"SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{32,64}",
        r"xkeysib-[a-f0-9]{64}-[A-Za-z0-9]{16}",
        r"xsmtpsib-[a-f0-9]{64}-[A-Za-z0-9]{16}",
        r"sntry(?:s_eyJ[A-Za-z0-9+/=_]{40,600}|u_[a-f0-9]{64})",
        r"shippo_(?:live|test)_[a-fA-F0-9]{40}",
        r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}",
        r"sgp_(?:[a-fA-F0-9]{16}_|local_)?[a-fA-F0-9]{40}",
        r"sq(?:0atp|0csp)-[A-Za-z0-9_-]{22,60}",
        r"EAAA[A-Za-z0-9_-]{56,64}",
        r"sq[aup]_[a-f0-9]{40}",
        r"sb(?:p_[a-f0-9]{40}|_secret_[A-Za-z0-9_-]{20,60})",
        r"tskey-[a-z]{2,12}-[A-Za-z0-9-]{10,80}",
        r"[0-9]{8,10}:AA[A-Za-z0-9_-]{33}",
        r"tfp_[A-Za-z0-9_=.-]{59}",
        r"SK[a-f0-9]{32}",
        r"vercel_blob_rw_[A-Za-z0-9_]{20,60}",
        rf"waka_(?:tok_|sec_)?{UUID}",
        r"gsk_[A-Za-z0-9]{40,64}",
        r"xai-[A-Za-z0-9]{40,120}",
        r"bk(?:ua|ct)_[a-f0-9]{40}",
        r"dd[pw]_[A-Za-z0-9]{36,40}",
    ),
}

# Words are shorter than this: only long runs of the letters and signs of tokens are compared with the formats.
LONG_RUN = re.compile(r"[A-Za-z0-9_.~=+/:-]{16,}+")
TOKEN = re.compile(
    "(?<![A-Za-z0-9_-])(?:"
    + "|".join(f"(?P<{kind.replace('-', '_')}>{'|'.join(formats)})" for kind, formats in FORMATS.items())
    + ")(?![A-Za-z0-9_-])"
)


def kind_of(match: re.Match[str]) -> str:
    """The name of what `TOKEN` matched."""
    return (match.lastgroup or "token").replace("_", "-")
