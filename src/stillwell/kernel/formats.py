"""Named formats of strings, as RE2 patterns that must match the whole text."""

from __future__ import annotations

from collections.abc import Iterable

from stillwell.kernel.sql import OWN

_OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = f"({_OCTET}[.]){{3}}{_OCTET}"
_HEX4 = "[0-9A-Fa-f]{1,4}"
_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"

_COUNTRIES = """
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD
CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF
GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN
KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA
NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI
SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI
VN VU WF WS YE YT ZA ZM ZW
"""
_CURRENCIES = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY COP
CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD
IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR
MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP
SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XAG XAU
XCD XCG XOF XPD XPF XPT YER ZAR ZMW ZWG
"""


def _one_of(words: Iterable[str]) -> str:
    return "(" + "|".join(words) + ")"


PATTERNS = {
    "email": rf"[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]+@{_LABEL}([.]{_LABEL})+",
    "uuid": "[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}",
    "ipv4": _IPV4,
    "ipv6": (
        f"(({_HEX4}:){{7}}{_HEX4}|({_HEX4}:){{1,7}}:|({_HEX4}:){{1,6}}:{_HEX4}|({_HEX4}:){{1,5}}(:{_HEX4}){{1,2}}"
        f"|({_HEX4}:){{1,4}}(:{_HEX4}){{1,3}}|({_HEX4}:){{1,3}}(:{_HEX4}){{1,4}}|({_HEX4}:){{1,2}}(:{_HEX4}){{1,5}}"
        f"|{_HEX4}:(:{_HEX4}){{1,6}}|:((:{_HEX4}){{1,7}}|:)|({_HEX4}:){{6}}{_IPV4}|::({_HEX4}:){{0,5}}{_IPV4})"
    ),
    "uri": '[A-Za-z][A-Za-z0-9+.-]*:[^ \\t\\r\\n<>"{}|\\\\^`]+',
    "hostname": f"{_LABEL}([.]{_LABEL})*[.]?",
    "iso-country": _one_of(_COUNTRIES.split()),
    "iso-currency": _one_of(_CURRENCIES.split()),
    "card-number": "[0-9]{12,19}",
}


def luhn(value: str) -> str:
    """SQL that is true when the digits of `value` pass the Luhn check (ISO/IEC 7812-1, annex B)."""
    at = OWN + "at"
    digit = f"CAST(substring({value}, length({value}) - {at}, 1) AS INTEGER)"
    weighed = f"CASE WHEN {at} % 2 = 0 THEN {digit} WHEN {digit} > 4 THEN 2 * {digit} - 9 ELSE 2 * {digit} END"
    return f"list_sum(list_transform(range(length({value})), lambda {at}: {weighed})) % 10 = 0"
