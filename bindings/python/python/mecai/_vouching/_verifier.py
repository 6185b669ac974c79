"""Judges handshakes, without a connection: a list, a policy, a secret and what a handshake showed, to a verdict
(docs/spec.md, section 8)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from mecai._native import ffi, lib

from .._errors import FormatError, SettingsError
from .._library import _call
from .._library._call import Address
from .._library._handle import Held, handle_of
from . import _alternate, _certificate, _handshake, _judged
from ._alternate import Verification
from ._certificate import Path
from ._handshake import Handshake, Own, Vouchers
from ._list import Authorities, AuthorityList, list_of
from ._policy import Policy, build
from ._report import Report, read_report
from ._state import State, opened, remember
from ._verdict import Verdict

if TYPE_CHECKING:
    from typing_extensions import Buffer

Time: TypeAlias = "datetime | float"

_MACHINE_ID = "/etc/machine-id"


class Verifier(Held):
    """Judges handshakes. Any number of threads may use it at once.

    `authorities`: an `AuthorityList`, or where it is and the keys that must have signed it, `(path, keys)`.
    `policy`: what is demanded; `Policy()` if None.
    `secret`: what the picks are drawn by, 32 random octets that are kept for this user and shown to nobody, with the
    `machine_id`, by default the text of /etc/machine-id. Without a secret more than half of all operators must have
    vouched.
    `state`: a user's `State`, or its directory: its secret is used if none is given, a list older than the newest that
    was used is refused, and in mode "opportunistic" promises of hosts are looked up and kept. With `reports`, those
    that are due are kept there.

    Raises `FormatError` for a list that cannot be used, `SettingsError` for settings, `StoreError` for a state.
    """

    __slots__ = ("_authorities", "_policy", "_reports", "_state")
    _INSTEAD = "make it anew where it is needed"

    def __init__(
        self,
        authorities: Authorities,
        policy: Policy | None = None,
        *,
        secret: Buffer | None = None,
        machine_id: str | None = None,
        state: State | Path | None = None,
        reports: bool = True,
    ) -> None:
        self._policy = Policy() if policy is None else policy
        self._state = None if state is None else opened(state)
        self._reports = reports
        self._authorities = self._newest(authorities)
        if not isinstance(self._policy, Policy):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"policy must be a Policy, not {type(policy).__name__}")
        builder = _call.new("mecai_verifier_builder", lib.mecai_verifier_builder_new)
        _call.call(lib.mecai_verifier_builder_set_policy, builder, build(self._policy))
        _call.call(lib.mecai_verifier_builder_set_list, builder, handle_of(self._authorities))
        if secret is not None:
            octets, machine = _call.octets(secret, "secret"), _machine(machine_id)
            _call.call(lib.mecai_verifier_builder_set_secret, builder, octets, len(octets), machine)
        elif self._state is not None:
            handle, machine = handle_of(self._state), _machine(machine_id)
            _call.call(lib.mecai_verifier_builder_set_state, builder, handle, machine)
        self._handle = _call.new("mecai_verifier", lib.mecai_verifier_builder_build, builder)

    @property
    def authorities(self) -> AuthorityList:
        """Who may be believed, as it is now."""
        return self._authorities

    @property
    def policy(self) -> Policy:
        """What is demanded."""
        return self._policy

    def replace_list(self, authorities: Authorities) -> None:
        """Puts a newer list in place, for every handshake that is judged from now on; other threads judge meanwhile.

        Raises `FormatError` with the code "list_rolled_back" if its sequence is lower.
        """
        newer = self._newest(authorities)
        _call.call(lib.mecai_verifier_replace_list, self._handle, handle_of(newer))
        self._authorities = newer

    def verify(
        self,
        chain: Iterable[Buffer],
        host: str | Iterable[str] | None,
        *,
        sni: str | None = None,
        peer: Address | str | None = None,
        port: int | None = None,
        vouchers: Vouchers | None = None,
        now: Time | None = None,
        remembered: bool | None = None,
        own: Own = "accepted",
        served: Iterable[Buffer] | None = None,
    ) -> Verdict:
        """Judges one handshake.

        `chain`: the chain that the program's own verification accepted: certificates in DER, end entity first, trust
        anchor last, 1 to 32.
        `host`: what the program meant: a host name, an address, or a name that begins with a dot for every host that
        ends with it; or several, at most 16: vouchers for any of them count, the pick is that of `sni` if this is one
        of them and of the first if not, and exempt is the handshake only if all are. None if it set nothing for
        verification: then `sni`, the name that it sent, stands in.
        `peer`, `port`: the server's address, and the port that was meant; they are compared if they are given.
        `vouchers`: the server's answer to the TLS extension mecai_vouchers (0xFF4D), or bundles; None if there was
        none.
        `now`: the time, an aware datetime or seconds since 1970; the clock's by default.
        `remembered`: whether the host has promised vouchers (mode "opportunistic"); None asks the state.
        `own`: what the program's own verification said: "accepted" this chain, "refused" it, refused it since it leads
        to "no_trusted_root", or accepted it by a "dane" match.
        `served`: the certificates in the server's order, for the report; `chain` by default.

        Raises `FormatError` with the code "chain" for a chain that cannot be read, `StoreError` for the state. What the
        server sent never raises: that is the verdict.
        """
        return self.fail_over(
            None,
            tuple,  # Is not called, since there is no answer.
            chain,
            host,
            sni=sni,
            peer=peer,
            port=port,
            vouchers=vouchers,
            now=now,
            remembered=remembered,
            own=own,
            served=served,
        )

    def fail_over(
        self,
        answer: Buffer | None,
        verification: Verification,
        chain: Iterable[Buffer],
        host: str | Iterable[str] | None,
        *,
        sni: str | None = None,
        peer: Address | str | None = None,
        port: int | None = None,
        vouchers: Vouchers | None = None,
        now: Time | None = None,
        remembered: bool | None = None,
        own: Own = "accepted",
        served: Iterable[Buffer] | None = None,
    ) -> Verdict:
        """Judges one handshake as `verify` does and, where the server's own certificate fails for a cause that lies
        with its CA, the server's alternate: `answer`, the answer to the TLS extension mecai_alternate (0xFF4E), None if
        there was none. Programs that use TLSA records look at no alternate.

        `verification`: the program's own verification of the alternate, at the same time and for the same name. It is
        given the certificates that were offered, in DER, end entity first, and gives the chain that it accepts, trust
        anchor last; it raises `ssl.SSLCertVerificationError` for one that it refuses. It is not called where no
        alternate is looked at. The first of `chain` is the server's own certificate, also where the program has not
        accepted it.
        """
        at = _call.time_or_now(now, "now")
        handshake = _handshake.read(
            chain, host, sni=sni, peer=peer, port=port, vouchers=vouchers, own=own, served=served
        )
        handshake.remember(self._state, remembered, at)
        authorities = self._authorities
        shown = _judged.Shown(handshake.chain if own == "accepted" else [], handshake.bundles())
        verdict = self._judge(handshake, at)
        octets = None if answer is None else _call.octets(answer, "answer")
        if octets is not None and self._is_due(handshake, verdict, at):
            key = _certificate.spki(handshake.chain[0]) if handshake.chain else b""
            alternate = _alternate.read(octets, key)
            accepted = _alternate.verify(alternate, verification, host if isinstance(host, str) else sni or "")
            verdict = self._judge_alternate(handshake, verdict, alternate, at)
            if _alternate.is_used(verdict):
                shown = _judged.Shown(accepted, _alternate.bundles(octets))
        return self._conclude(verdict, at, handshake, shown, authorities)

    def __repr__(self) -> str:
        return f"<Verifier of {self._authorities!r}, {self._policy!r}>"

    def _newest(self, authorities: Authorities) -> AuthorityList:
        """A list, once it is known that none that is newer was used before."""
        lowest = 0 if self._state is None else self._state.list_sequence()
        read = list_of(authorities, lowest)
        if self._state is not None:
            lowest = self._state.raise_list_sequence(read.sequence)
        if read.sequence < lowest:
            sentence = f"the authority list has sequence {read.sequence}, lower than {lowest}, which was used before"
            raise FormatError(sentence, "list_rolled_back")
        return read

    def _judge(self, handshake: Handshake, now: int) -> Any:
        outcome, place = ffi.new("uint32_t *"), ffi.new("mecai_verdict **")
        _call.call(lib.mecai_verifier_verify, self._handle, handshake.handle, now, outcome, place)
        return ffi.gc(place[0], lib.mecai_verdict_free)

    def _judge_alternate(self, handshake: Handshake, own: Any, alternate: Any, now: int) -> Any:
        outcome, place = ffi.new("uint32_t *"), ffi.new("mecai_verdict **")
        arguments = (self._handle, handshake.handle, own, alternate, now, outcome, place)
        _call.call(lib.mecai_verifier_fail_over, *arguments)
        return ffi.gc(place[0], lib.mecai_verdict_free)

    def _is_due(self, handshake: Handshake, verdict: Any, now: int) -> bool:
        due = ffi.new("bool *")
        _call.call(lib.mecai_verifier_is_failover_due, self._handle, handshake.handle, verdict, now, due)
        return bool(due[0])

    def _conclude(
        self, verdict: Any, now: int, handshake: Handshake, shown: _judged.Shown, authorities: AuthorityList
    ) -> Verdict:
        report = self._report(verdict, now, handshake)
        if self._state is not None:
            if self._policy.mode == "opportunistic":
                remember(self._state, verdict, now)
            if report is not None and self._reports:
                self._state.spool(report)
        return _judged.read(verdict, now, handshake, shown, authorities, report)

    def _report(self, verdict: Any, now: int, handshake: Handshake) -> Report | None:
        code = ffi.new("uint32_t *")
        _call.call(lib.mecai_verdict_notes, verdict, ffi.NULL, ffi.NULL, code)
        if code[0] == 0:
            return None
        views = _call.Views(handshake.served)
        arguments = (self._handle, handshake.handle, verdict, views.views, len(views), now)
        return read_report(_call.new("mecai_report", lib.mecai_report_new, *arguments))


def verify(
    bundles: Vouchers | None,
    *,
    chain: Iterable[Buffer],
    host: str | Iterable[str] | None,
    authorities: Authorities,
    policy: Policy | None = None,
    secret: Buffer | None = None,
    machine_id: str | None = None,
    state: State | Path | None = None,
    sni: str | None = None,
    peer: Address | str | None = None,
    port: int | None = None,
    now: Time | None = None,
) -> Verdict:
    """Whether these bundles (or this answer to the TLS extension mecai_vouchers) admit a server that showed this chain:
    what `Verifier(authorities, policy, …).verify(chain, host, …)` says, which is faster for more than one."""
    verifier = Verifier(authorities, policy, secret=secret, machine_id=machine_id, state=state)
    return verifier.verify(chain, host, sni=sni, peer=peer, port=port, vouchers=bundles, now=now)


def _machine(machine_id: str | None) -> bytes:
    if machine_id is not None:
        return _call.text(machine_id, "machine_id")
    try:
        with open(_MACHINE_ID, encoding="utf-8") as file:
            return _call.text(file.read(), _MACHINE_ID)
    except OSError as error:
        raise SettingsError(f"{_MACHINE_ID} cannot be read ({error.strerror}): give machine_id", "missing") from error
