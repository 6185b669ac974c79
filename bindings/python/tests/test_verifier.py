"""Lists, verifiers, states and reports, where the vectors do not lead."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timezone
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import lists
import mecai
import pki
import pytest
from world import ADDRESS, HOST, OWNER, World


def _list(world: World) -> mecai.AuthorityList:
    return mecai.AuthorityList.load(world.authorities, world.authorities_keys)


def _chain(world: World) -> list[bytes]:
    root = pki.load_chain(Path(world.operator(OWNER)["root"]["certificate"]))
    return [*pki.load_chain(world.chain), *root]


def test_the_worlds_list_is_told_whole(world: World) -> None:
    authorities = _list(world)
    document = json.loads(world.authorities.read_text())
    assert [operator.id for operator in authorities] == world.operators and len(authorities) == 12
    for operator, entry in zip(authorities, document["operators"]):
        assert (operator.name, operator.country) == (entry["name"], entry["country"])
        assert [key.hex() for key in operator.ca_keys] == entry["ca_keys"]
        for authority, told in zip(operator.authorities, entry["authorities"]):
            assert (authority.url, list(authority.regions)) == (told["url"], told["regions"])
            assert authority.id == hashlib.sha256(authority.public_key).digest()[:8]
            assert (authority.operator, authority.algorithm) == (operator.id, "P-256")
            assert authorities.authority(authority.id) == authority
        assert authorities.operator(operator.id) == operator
    assert authorities.operator("operator-z") is None and authorities.authority(bytes(8)) is None


def test_whose_a_ca_key_is(world: World) -> None:
    authorities = _list(world)
    leaf, intermediate, root = _chain(world)
    owner = authorities.operator(OWNER)
    pem = Path(world.operator(OWNER)["root"]["certificate"]).read_bytes()
    assert owner is not None
    for certificate in (intermediate, root, pem, owner.ca_keys[0]):
        assert authorities.owner(certificate) == owner
    assert authorities.owner(leaf) is None and authorities.owner(bytes(32)) is None
    with pytest.raises(mecai.FormatError) as raised:
        authorities.owner(b"none")
    assert raised.value.code == "chain"


def test_the_common_case_is_one_call(world: World) -> None:
    chain = _chain(world)
    bundle = mecai.Bundle.parse(world.vouch(chain[0], world.others()))
    ways: list[Any] = [bundle, [bundle], [bytes(bundle)]]
    for vouchers in ways:
        verdict = mecai.verify(
            vouchers, chain=chain, host=HOST, authorities=_list(world), peer=ADDRESS, port=world.port
        )
        assert verdict.accepted and verdict.chain == (OWNER,) and verdict.notes == ("no_secret",)
        assert (verdict.vouched, verdict.required, verdict.sent) == (6, 6, 11)
        assert (verdict.addresses, verdict.peer) == ((ip_address(ADDRESS),), ip_address(ADDRESS))
        assert verdict.newest == bundle.statement.produced_at and verdict.until == bundle.statement.not_after
    arguments: dict[str, Any] = {"chain": chain, "host": HOST, "authorities": _list(world)}
    assert mecai.verify(None, **arguments).code == mecai.verify([], **arguments).code == "no_voucher"
    other = mecai.verify(bundle, chain=chain, host="www.other.example", authorities=_list(world))
    assert (other.code, other.addresses) == ("wrong_host", ())
    unread = mecai.verify([bundle, b"none"], **arguments)
    assert unread.bundles == (bundle,) and unread.unreadable == (b"none",)
    assert mecai.verify(b"", **arguments).code == "answer_malformed"


def test_a_state_keeps_lists_from_going_back(world: World, tmp_path: Path) -> None:
    document = json.loads(world.authorities.read_text())
    state = mecai.State(tmp_path / "state")
    old, new = [
        lists.write(_directory(tmp_path / str(number)), {**document, "sequence": number}) for number in (5, 6)
    ]
    assert state.list_sequence() == 0 and not Path(state.directory).exists()
    verifier = mecai.Verifier(new, state=state)
    assert state.list_sequence() == 6 and verifier.authorities.sequence == 6
    for attempt in (
        lambda: mecai.Verifier(old, state=tmp_path / "state"),
        lambda: mecai.Verifier(mecai.AuthorityList.load(*old), state=state),
        lambda: verifier.replace_list(old),
        lambda: mecai.Verifier(new).replace_list(old),
        lambda: mecai.AuthorityList.load(*old, lowest_sequence=6),
    ):
        with pytest.raises(mecai.FormatError, match="sequence 5, lower than 6") as raised:
            attempt()
        assert raised.value.code == "list_rolled_back"
    newer = lists.write(_directory(tmp_path / "7"), {**document, "sequence": 7})
    verifier.replace_list(newer)
    assert state.list_sequence() == 7 == verifier.authorities.sequence
    assert state.raise_list_sequence(3) == 7


def _directory(path: Path) -> Path:
    path.mkdir()
    return path


def test_a_mismatch_is_reported_and_kept_once(world: World, tmp_path: Path) -> None:
    chain = _chain(world)
    rogue = world.issue([HOST]).der
    bundle = world.vouch(rogue, world.others())
    state = mecai.State(tmp_path / "state")
    assert list(mecai.reports(state)) == []
    now = datetime.now(timezone.utc)
    for reports, expected in ((False, 0), (True, 1), (True, 1)):
        verifier = mecai.Verifier(_list(world), state=state, reports=reports)
        verdict = verifier.verify(chain, HOST, vouchers=[bundle], now=now, peer=ADDRESS, served=chain[:2])
        report = verdict.report
        assert verdict.alarm and verdict.code == "wrong_certificate" and report is not None
        kept = list(mecai.reports(tmp_path / "state"))
        assert kept == [report][:expected] == list(state.reports())
    [report] = state.reports()
    assert report.chain == tuple(chain[:2]) and report.bundles == (bundle,)
    assert report.hour == now.replace(minute=0, second=0, microsecond=0) and str(report.peer) == "127.10.0.0/24"
    assert state.spool(report) == "known"
    (tmp_path / "state/reports" / report.file_name).write_text("{}")
    with pytest.raises(mecai.FormatError):
        list(state.reports())


def test_a_state_that_others_can_read_is_not_used(world: World, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(mode=0o755)
    for attempt in (
        lambda: mecai.Verifier(_list(world), state=tmp_path / "state"),
        lambda: mecai.State(tmp_path / "state").list_sequence(),
    ):
        with pytest.raises(mecai.StoreError, match="has the mode 0755") as raised:
            attempt()
        assert raised.value.code == "state" and isinstance(raised.value, OSError)


def test_a_policy_names_what_cannot_be(world: World, tmp_path: Path) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"quorum": 5}, "quorum"),
        ({"candidates": 32}, "31"),
        ({"mode": "off"}, "mode is 'off', none of require, opportunistic, observe"),
        ({"addresses": "maybe"}, "addresses is 'maybe', none of note"),
        ({"exempt": ["10.0.0.0/99"]}, "10.0.0.0/99"),
    ]
    for settings, says in wrong:
        with pytest.raises(mecai.SettingsError, match=says):
            mecai.Policy(**settings)
    root = Path(world.operator(OWNER)["root"]["certificate"])
    ways: list[Any] = [root, str(root), [root.read_bytes()], pki.load_chain(root)]
    assert len({mecai.Policy(local_roots=way) for way in ways}) == 1
    policy = mecai.Policy(local_roots=root, exempt="a.example, 10.0.0.0/8")
    assert policy.exempt == ("a.example", "10.0.0.0/8")
    verdict = mecai.verify(None, chain=_chain(world), host=HOST, authorities=_list(world), policy=policy)
    assert (verdict.outcome, verdict.code, verdict.accepted) == ("exempt", "exempt_local_root", False)
    verdict = mecai.verify(None, chain=_chain(world), host="10.1.2.3", authorities=_list(world), policy=policy)
    assert verdict.outcome == "exempt"


def test_a_store_refuses_what_it_is_not_for(world: World, tmp_path: Path) -> None:
    store = mecai.Store(tmp_path)
    one, other = world.issue([HOST]).der, world.issue([HOST])
    bundle = mecai.Bundle.parse(world.vouch(one, world.others()))
    with pytest.raises(mecai.StoreError) as raised:
        store.add(other.der, bundle)
    assert raised.value.code == "store"
    with pytest.raises(mecai.FormatError) as malformed:
        store.add(one, [b"none"])
    assert malformed.value.code == "malformed" and store.certificates() == ()
    assert store.answer(one) is None
    store.add(one, bundle)
    store.set_alternate(one, other.chain)
    alternate = store.answer(one, extension="alternate")
    assert alternate is not None and other.der in alternate
    assert store.answer(one, extension="staged") is None
    store.write_serverinfo(one, tmp_path / "serverinfo.pem")
    assert "BEGIN SERVERINFOV2 FOR " in (tmp_path / "serverinfo.pem").read_text()
    store.set_alternate(one, None)
    store.remove(one)
    assert store.certificates() == ()
    (tmp_path / f"{bundle.statement.certificate.hex()}.vouchers").write_bytes(b"none")
    with pytest.raises(mecai.StoreError):
        mecai.Store(tmp_path).answer(one)
    (tmp_path / "file").touch()
    with pytest.raises(mecai.StoreError):
        mecai.Store(tmp_path / "file").certificates()
    with pytest.raises(ValueError, match="extension is 'cookie', none of vouchers, alternate, staged"):
        store.answer(one, extension="cookie")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
