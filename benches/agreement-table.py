"""The table of benches/agreement: what was foretold of each pair beside what it did. `row` makes a line of a report."""

import json
import sys


def row(app, candidate):
    report = json.load(sys.stdin)
    [one] = [one for one in report["candidates"] if one["trial"]]
    foretold = {reason["verdict"] for reason in one["reasons"]}
    verdict = next((v for v in ("breaks", "undecided") if v in foretold), "works")
    why = next((r["what"] for r in one["reasons"] if r["verdict"] == verdict != "works"), "")
    print(json.dumps({"app": app, "candidate": candidate, "verdict": verdict, "why": why,
                      "really": one["trial"]["verdict"], "did": one["trial"]["says"], "now": report["tried"]["now"]}))


def agrees(pair):
    verdict, really = pair["verdict"], pair["really"]
    if verdict == really:
        return "yes"
    return {"undecided": "cautious", "breaks": "**too strict**", "works": "**wrong**"}[verdict]


def short(text, most=90):
    text = text.strip().replace("|", "\\|")
    line = text.splitlines()[-1] if text else ""
    head = text.split(":")[0] if len(text.splitlines()) > 1 else ""
    text = f"{head}: {line}" if head else line
    return text if len(text) <= most else text[: most - 1] + "…"


def table():
    pairs = [json.loads(line) for line in sys.stdin]
    print("| application | candidate | foretold | really | agree | what it did there | why, as foretold |")
    print("|---|---|---|---|---|---|---|")
    for p in pairs:
        print(f"| {p['app']} | {p['candidate']} | {p['verdict']} | {p['really']} | {agrees(p)} | {short(p['did'])} | {short(p['why'])} |")
    counts = {}
    for pair in pairs:
        counts[agrees(pair)] = counts.get(agrees(pair), 0) + 1
    print(f"\n{len(pairs)} pairs: " + ", ".join(f"{n} {name.strip('*')}" for name, n in sorted(counts.items())))


if __name__ == "__main__":
    row(*sys.argv[2:]) if sys.argv[1] == "row" else table()
