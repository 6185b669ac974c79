"""Times: seconds since 1970 here, GeneralizedTime in DER, RFC 3339 in JSON (sections 1 and 6)."""

import datetime
import re

from .codes import Refused

EPOCH_START = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def moment(seconds):
    return EPOCH_START + datetime.timedelta(seconds=seconds)


def from_generalized(content):
    """Seconds, from the content of a GeneralizedTime: `YYYYMMDDHHMMSSZ`, nothing else."""
    return _seconds(rb"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z", content, "malformed")


def from_rfc3339(text):
    return _seconds(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})Z", text, "list_malformed")


def rfc3339(seconds):
    return moment(seconds).strftime("%Y-%m-%dT%H:%M:%SZ")


def hour(seconds):
    return rfc3339(seconds - seconds % 3600)


def utc(text):
    """Seconds from `2026-12-01T12:00:00Z`; for the cases."""
    return from_rfc3339(text)


def _seconds(pattern, text, code):
    match = re.fullmatch(pattern, text)
    if not match:
        raise Refused(code, f"{text!r} is no time")
    numbers = [int(part) for part in match.groups()]
    if numbers[0] < 1970:
        raise Refused(code, "a year before 1970")
    try:
        when = datetime.datetime(*numbers, tzinfo=datetime.timezone.utc)
    except ValueError as reason:
        raise Refused(code, str(reason)) from None
    return int((when - EPOCH_START).total_seconds())
