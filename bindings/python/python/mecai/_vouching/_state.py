"""A client's memory (docs/spec.md, section 11), and the reports in it that are not yet submitted."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, Literal

from mecai._native import ffi, lib

from .._errors import StoreError
from .._library import _call
from .._library._handle import Held, handle_of
from ._certificate import Path
from ._report import Report

Spooled = Literal["written", "known", "full"]

_SPOOLED: dict[int, Spooled] = {
    lib.MECAI_SPOOLED_WRITTEN: "written",
    lib.MECAI_SPOOLED_KNOWN: "known",
    lib.MECAI_SPOOLED_FULL: "full",
}
_REPORTS = "reports"
_SEQUENCE_MAX = (1 << 64) - 1


class State(Held):
    """A user's directory: the secret of the picks, the highest sequence of a list, the hosts that promised to go on
    showing vouchers, and reports. It is made (mode 0700) when something is first kept there, and nothing stays open.
    Any number of threads and programs of the user may use it at once.

    Every method raises `StoreError` with the code "state" if a file or directory cannot be used.
    """

    __slots__ = ("_directory",)
    _INSTEAD = "open its directory again"

    def __init__(self, directory: Path) -> None:
        path = _call.path(directory, "directory")
        self._directory = os.fsdecode(path)
        self._handle = _call.new("mecai_state", lib.mecai_state_open, path)

    @property
    def directory(self) -> str:
        """Its path."""
        return self._directory

    def list_sequence(self) -> int:
        """The highest sequence of an authority list so far, 0 if none was kept."""
        sequence = ffi.new("uint64_t *")
        _call.call(lib.mecai_state_list_sequence, self._handle, sequence)
        return int(sequence[0])

    def raise_list_sequence(self, sequence: int) -> int:
        """Keeps the sequence of an authority list that was read, if it is the highest so far; gives the highest."""
        highest = ffi.new("uint64_t *")
        wanted = _call.number(sequence, "sequence", 0, _SEQUENCE_MAX)
        _call.call(lib.mecai_state_raise_list_sequence, self._handle, wanted, highest)
        return int(highest[0])

    def spool(self, report: Report) -> Spooled:
        """Keeps a report until it is submitted. "known": the same event was recorded before; "full": there is no place
        for it, and it is not kept."""
        octets = str.encode(report.json)
        handle = _call.new("mecai_report", lib.mecai_report_parse, octets, len(octets))
        spooled = ffi.new("uint32_t *")
        _call.call(lib.mecai_state_spool, self._handle, handle, spooled)
        return _SPOOLED[spooled[0]]

    def reports(self) -> Iterator[Report]:
        """The reports that are not yet submitted, in the order of their names, each read when it comes. One that is
        taken away meanwhile is passed over.

        Raises `FormatError` with the code "report" at a file that is no report.
        """
        return reports(self._directory)

    def __repr__(self) -> str:
        return f"<State in {self._directory!r}>"


def reports(state: Path | State) -> Iterator[Report]:
    """The mismatch reports in a client's state directory that are not yet submitted, as `State.reports` gives them.
    There are none in a directory that is not there.

    Raises `StoreError` with the code "state" if the directory cannot be read.
    """
    directory = state.directory if isinstance(state, State) else os.fsdecode(_call.path(state, "state"))
    return _reports(os.path.join(directory, _REPORTS))


def _reports(directory: str) -> Iterator[Report]:
    try:
        names = sorted(name for name in os.listdir(directory) if name.endswith(".json"))
    except FileNotFoundError:
        return
    except OSError as error:
        raise StoreError(f"{directory}: cannot be read: {error.strerror}", "state") from error
    for name in names:
        try:
            with open(os.path.join(directory, name), "rb") as file:
                octets = file.read()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise StoreError(f"{directory}/{name}: cannot be read: {error.strerror}", "state") from error
        yield Report.parse(octets)


def opened(state: Path | State) -> State:
    """A state, or that in a directory."""
    return state if isinstance(state, State) else State(state)


def is_remembered(state: State, handshake: Any, now: int) -> bool:
    """Whether the host that a mecai_handshake means has promised vouchers. What cannot be read counts as a promise."""
    remembered, error = ffi.new("bool *"), ffi.new("mecai_error **")
    result = lib.mecai_state_is_remembered(handle_of(state), handshake, now, remembered, ffi.NULL, error)
    _call.check(result, error)
    _call.warn(error, "what cannot be read counts as a promise to show vouchers")
    return bool(remembered[0])


def remember(state: State, verdict: Any, now: int) -> None:
    """Keeps the promise of an accepted handshake in mind, or forgets one that it takes back."""
    _call.call(lib.mecai_state_remember, handle_of(state), verdict, now, ffi.NULL)
