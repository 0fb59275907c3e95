"""Judges quotes with dcap-qvl: lines of {quote, collateral, root, now} in, of {status, advisories} or {error} out."""

import json
import sys

import dcap_qvl

for line in sys.stdin:
    case = json.loads(line)
    quote, root = bytes.fromhex(case["quote"]), bytes.fromhex(case["root"])
    try:
        collateral = dcap_qvl.QuoteCollateralV3.from_json(json.dumps(case["collateral"]))
        if root:
            report = dcap_qvl.verify_with_root_ca(quote, collateral, root, case["now"])
        else:
            report = dcap_qvl.verify(quote, collateral, case["now"])
        print(json.dumps({"status": report.status, "advisories": report.advisory_ids}))
    except Exception as e:  # whatever it is, it is a refusal
        print(json.dumps({"error": str(e)}))
