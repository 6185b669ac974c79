#!/usr/bin/env python3
"""Writes the test vectors and has the reference judge them; with --check compares with the committed ones instead.

Exit status 0 when all is well, 1 when anything disagrees, 2 on wrong usage. The last line counts.
"""

import argparse
import importlib
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SPEC = HERE.parents[1] / "docs" / "spec.md"
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

THEMES = ("codec", "list", "pick", "verify", "failover", "extension", "keyproof", "report")
STRUCTURES = ("Statement", "EndorsementBody", "Endorsement", "VoucherBundle", "VoucherRequest", "KeyProof", "StoreFile")


def main():
    parser = argparse.ArgumentParser(description="generates or checks the test vectors of mecai")
    parser.add_argument("--check", action="store_true", help="change nothing; compare and judge")
    check = parser.parse_args().check
    tally = Tally()
    tally.add("docs/mecai.asn1 compiles", asn1_problem())
    if not tally.failed:
        for theme in THEMES:
            run(theme, check, tally)
        example(check, tally)
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed else 0


class Tally:
    def __init__(self):
        self.passed = self.failed = 0

    def add(self, what, problem):
        if problem is None:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAILED {what}: {problem}")


def asn1_problem():
    try:
        compiled = importlib.import_module("reference.structures").COMPILED
    except Exception as reason:
        return str(reason)
    missing = [name for name in STRUCTURES if name not in compiled.types]
    return f"no {missing}" if missing else None


def run(theme, check, tally):
    module = importlib.import_module(f"cases.{theme}")
    path = HERE / f"{theme}.json"
    text = json.dumps(module.document(), indent=1, ensure_ascii=False) + "\n"
    if check:
        if not path.exists():
            tally.add(f"{path.name} is committed", "there is no such file; run generate.py")
            return
        differs = None if path.read_text() == text else "it differs; run generate.py and look at the difference"
        tally.add(f"{path.name} is what generate.py writes", differs)
    else:
        path.write_text(text)
    document = json.loads(path.read_text())
    names = [case["name"] for case in document["cases"]]
    repeated = {name for name in names if names.count(name) > 1}
    tally.add(f"{path.name}: every case has its own name", f"repeated: {repeated}" if repeated else None)
    for case in document["cases"]:
        tally.add(f"{path.name} {case['name']}", disagreement(module, case, document))
    for what, problem in getattr(module, "audit", lambda document: [])(document):
        tally.add(f"{path.name}: {what}", problem)


def example(check, tally):
    """The last section of docs/spec.md is generated too."""
    module = importlib.import_module("cases.example")
    text = SPEC.read_text()
    before = text.split("\n" + module.HEADING + "\n")[0].rstrip("\n")
    wanted = before + "\n\n" + module.section()
    if not check:
        SPEC.write_text(wanted)
    differs = None if SPEC.read_text() == wanted else "it differs; run generate.py and look at the difference"
    tally.add("the example of docs/spec.md is what generate.py writes", differs)


def disagreement(module, case, document):
    """None, or how the reference judge differs from the expectation written in the case."""
    try:
        found = module.outcome(case, document)
    except Exception as reason:
        return f"the judge failed: {reason!r}"
    return None if found == case["expect"] else f"expected {case['expect']}, judged {found}"


if __name__ == "__main__":
    sys.exit(main())
