"""The table of benches/agreement: what was foretold of each pair beside what it did. `row` makes a line of a report."""

import json
import sys


def row(app, candidate):
    report = json.load(sys.stdin)
    [one] = [one for one in report["candidates"] if one["trial"]]
    foretold = {reason["verdict"] for reason in one["reasons"]}
    verdict = next((v for v in ("breaks", "undecided") if v in foretold), "works")
    why = next((r["what"] for r in one["reasons"] if r["verdict"] == verdict != "works"), "")
    really, did = one["trial"]["verdict"], one["trial"]["says"]
    # Where the image as it is does not run, nothing can be expected of it elsewhere; yet what it did is told.
    if really == "undecided" and did.startswith(("ready", "ended with status 0", "runs")):
        really = "works"
    print(json.dumps({"app": app, "candidate": candidate, "verdict": verdict, "why": why,
                      "really": really, "did": did, "now": report["tried"]["now"]}))


def agrees(pair):
    verdict, really = pair["verdict"], pair["really"]
    if verdict == really:
        return "yes"
    return {"undecided": "cautious", "breaks": "**too strict**", "works": "**wrong**"}[verdict]


def table():
    pairs = [json.loads(line) for line in sys.stdin]
    print("| application | candidate | foretold | it really | agree |")
    print("|---|---|---|---|---|")
    for p in pairs:
        print(f"| {p['app']} | {p['candidate']} | {p['verdict']} | {p['really']}: {p['did'].splitlines()[0].split(': ')[0]} | {agrees(p)} |")
    counts = {}
    for pair in pairs:
        counts[agrees(pair)] = counts.get(agrees(pair), 0) + 1
    print(f"\n{len(pairs)} pairs: " + ", ".join(f"{n} {name.strip('*')}" for name, n in sorted(counts.items())))


if __name__ == "__main__":
    row(*sys.argv[2:]) if sys.argv[1] == "row" else table()
