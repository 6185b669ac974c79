"""What every public function takes of octets and texts, one argument at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mecai
import vectors
from handshakes import Case, File

_FILE = File("verify")
_GIVEN = next(case for case in _FILE.cases if case["expect"] and case["expect"]["code"] == "accepted")
_CHAIN = _FILE.chain(_GIVEN["chain"])
_ANSWER = bytes.fromhex(_GIVEN["answer"])
BUNDLE = mecai.Bundle.parse_answer(_ANSWER)[0]
_TABLE: dict[str, Any] = vectors.load("verify", "codes", "lists", "chains")["lists"][_GIVEN["list"]]
JSON, SIGNATURES = str.encode(_TABLE["file"]), str.encode(_TABLE["signatures"])
KEYS = f"1 of {_TABLE['public_keys'][0]}"
_REPORT = str.encode(vectors.load("report")["cases"][0]["expect"]["text"])


NONE = type(None)


class Input:
    """One argument: the function with everything else as it should be, and a value for it that is right."""

    def __init__(self, name: str, call: Callable[[Any], object], right: Any, *also: type) -> None:
        self.name, self.call, self.right = name, call, right
        self._also = also
        """Other types that may be given, such as a text in the place of octets."""

    def wrong(self, *values: Any) -> list[Any]:
        """Those that are of no type that may be given."""
        return [value for value in values if not isinstance(value, self._also)]

    def __repr__(self) -> str:
        return self.name


def _list() -> mecai.AuthorityList:
    return mecai.AuthorityList.read(JSON, SIGNATURES, KEYS)


def verify(**change: Any) -> mecai.Verdict:
    secret: dict[str, Any] = {"secret": bytes.fromhex(_GIVEN["secret"]), "machine_id": _GIVEN["machine_id"]}
    shown = Case.shown_of(_FILE, _GIVEN)
    return mecai.Verifier(_list(), **secret).verify(**{**shown, **change})


def _verifier(**change: Any) -> mecai.Verifier:
    settings: dict[str, Any] = {"secret": bytes(32), "machine_id": "0" * 32, **change}
    return mecai.Verifier(_list(), **settings)


def _fail_over(**change: Any) -> mecai.Verdict:
    arguments: dict[str, Any] = {"answer": b"", "verification": tuple, "chain": _CHAIN, "host": "a.example", **change}
    return _verifier().fail_over(**arguments)


def _store(tmp: Path) -> list[Input]:
    store = mecai.Store(tmp)
    leaf = _CHAIN[0]
    return [
        Input("Store", mecai.Store, str(tmp)),
        Input("Store.answer", store.answer, leaf),
        Input("Store.answer name", lambda name: store.answer(leaf, name=name), "a.example", NONE),
        Input("Store.add", lambda certificate: store.add(certificate, BUNDLE, now=_GIVEN["now"]), leaf),
        Input("Store.add bundles", lambda der: store.add(leaf, [der], now=_GIVEN["now"]), BUNDLE.der),
        Input("Store.set_alternate", lambda certificate: store.set_alternate(certificate, _CHAIN), leaf),
        Input("Store.set_alternate alternate", lambda der: store.set_alternate(leaf, [der]), leaf),
        Input("Store.remove", store.remove, leaf),
        Input(
            "Store.write_serverinfo", lambda certificate: store.write_serverinfo(certificate, tmp / "info"), leaf
        ),
        Input("Store.write_serverinfo path", lambda path: store.write_serverinfo(leaf, path), str(tmp / "info")),
    ]


def fetch(**change: Any) -> object:
    arguments: dict[str, Any] = {
        "host": "www.shop.example",
        "port": 443,
        "certificate": _CHAIN[0],
        "authorities": _list(),
        "addresses": ["192.0.2.1"],
        # Nobody is asked: the list has no authority that could be reached, and time is up at once.
        "timeout": 0.001,
        **change,
    }
    return mecai.fetch_vouchers(**arguments)


def _fetch_async(**change: Any) -> object:
    async def fetch() -> object:
        arguments: dict[str, Any] = {
            "host": "www.shop.example",
            "port": 443,
            "certificate": _CHAIN[0],
            "authorities": _list(),
            "addresses": ["192.0.2.1"],
            "timeout": 0.001,
            **change,
        }
        return await mecai.fetch_vouchers_async(**arguments)

    return asyncio.run(fetch())


def takes(tmp: Path) -> dict[str, list[Input]]:
    """What each public name takes of octets and texts."""
    return {
        "AuthorityList": [
            Input("AuthorityList.read", lambda json: mecai.AuthorityList.read(json, SIGNATURES, KEYS), JSON),
            Input(
                "AuthorityList.read signatures",
                lambda signatures: mecai.AuthorityList.read(JSON, signatures, KEYS),
                SIGNATURES,
                str,
            ),
            Input("AuthorityList.read keys", lambda keys: mecai.AuthorityList.read(JSON, SIGNATURES, keys), KEYS),
            Input("AuthorityList.load", lambda path: mecai.AuthorityList.load(path, KEYS), str(tmp / "list.json")),
            Input(
                "AuthorityList.load keys", lambda keys: mecai.AuthorityList.load(tmp / "list.json", keys), KEYS
            ),
            Input("AuthorityList.owner", lambda certificate: _list().owner(certificate), _CHAIN[-1]),
            Input("AuthorityList.operator", lambda id: _list().operator(id), "operator-a"),
            Input("AuthorityList.authority", lambda id: _list().authority(id), bytes(8)),
        ],
        "Bundle": [
            Input("Bundle.parse", mecai.Bundle.parse, BUNDLE.der),
            Input("Bundle.parse_answer", mecai.Bundle.parse_answer, _ANSWER),
        ],
        "Policy": [
            Input("Policy mode", lambda mode: mecai.Policy(mode=mode), "observe"),
            Input("Policy region", lambda region: mecai.Policy(region=region), "EU", NONE),
            Input("Policy addresses", lambda addresses: mecai.Policy(addresses=addresses), "require"),
            Input("Policy exempt", lambda exempt: mecai.Policy(exempt=[exempt]), "a.example"),
            Input("Policy local_roots", lambda root: mecai.Policy(local_roots=[root]), _CHAIN[-1]),
        ],
        "Report": [Input("Report.parse", mecai.Report.parse, _REPORT, str)],
        "State": [Input("State", mecai.State, str(tmp / "state"))],
        "reports": [Input("reports", lambda state: list(mecai.reports(state)), str(tmp / "state"))],
        "Store": _store(tmp),
        "Verifier": [
            Input("Verifier secret", lambda secret: _verifier(secret=secret), bytes(32), NONE),
            Input("Verifier machine_id", lambda machine: _verifier(machine_id=machine), "0" * 32, NONE),
            Input("Verifier state", lambda state: _verifier(state=state), str(tmp / "state"), NONE, mecai.State),
            Input("verify chain", lambda der: verify(chain=[der, *_CHAIN[1:]]), _CHAIN[0]),
            Input("verify host", lambda host: verify(host=[host]), "www.shop.example"),
            Input("verify sni", lambda sni: verify(sni=sni), "www.shop.example", NONE),
            Input("verify peer", lambda peer: verify(peer=peer), "192.0.2.10", NONE),
            Input("verify vouchers", lambda vouchers: verify(vouchers=vouchers), _ANSWER, NONE, list, tuple, dict),
            Input("verify vouchers, each", lambda bundle: verify(vouchers=[bundle]), BUNDLE.der),
            Input("verify served", lambda der: verify(served=[der]), _CHAIN[0]),
            Input("verify own", lambda own: verify(own=own), "refused"),
            Input("fail_over answer", lambda answer: _fail_over(answer=answer), b"\0\0\0\0", NONE),
        ],
        "verify": [
            Input(
                "verify bundles",
                lambda bundle: mecai.verify([bundle], chain=_CHAIN, host="a.example", authorities=_list()),
                BUNDLE.der,
            )
        ],
        "fetch_vouchers": [
            Input("fetch_vouchers host", lambda host: fetch(host=host), "www.shop.example"),
            Input("fetch_vouchers certificate", lambda der: fetch(certificate=[der]), _CHAIN[0]),
            Input("fetch_vouchers protocol", lambda protocol: fetch(protocol=protocol), "smtp"),
            Input("fetch_vouchers addresses", lambda address: fetch(addresses=[address]), "192.0.2.1"),
        ],
        "fetch_vouchers_async": [
            Input("fetch_vouchers_async host", lambda host: _fetch_async(host=host), "www.shop.example"),
            Input("fetch_vouchers_async certificate", lambda der: _fetch_async(certificate=[der]), _CHAIN[0]),
            Input("fetch_vouchers_async addresses", lambda address: _fetch_async(addresses=[address]), "192.0.2.1"),
        ],
    }
