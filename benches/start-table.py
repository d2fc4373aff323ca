#!/usr/bin/env python3
"""The table of benches/start: predicted and measured cold starts, their errors, and whether the order is right."""

import itertools
import json
import statistics
import sys

errors, pairs, right, undecided, alike = [], 0, 0, 0, 0
together = {}
print("| engine, link | image | predicted, s | measured, s (least to most) | runs that count | error |")
print("|---|---|---:|---:|---:|---:|")
for name in sys.argv[1:]:
    document = json.load(open(name))
    link, engine = document["profile"], document["engine"]
    link = f"{link['bandwidth'] / 1e6:g} Mbit/s, {link['rtt'] * 1e3:g} ms"
    together.setdefault((engine, link), []).extend(document["images"])
    for image in document["images"]:
        measured, predicted = image["measured"], image["predicted"]["total"]
        low, middle, high = (measured[which]["total"] for which in ("least", "median", "most"))
        error = predicted / middle - 1
        errors.append(error)
        kept = sum(run["kept"] for run in measured["runs"])
        image = image["image"]["reference"].split("/")[-1]
        print(
            f"| {engine}, {link} | {image} | {predicted:.1f} | {middle:.1f} ({low:.1f} to {high:.1f}) "
            f"| {kept} of {len(measured['runs'])} | {error:+.0%} |"
        )
for images in together.values():
    for a, b in itertools.combinations(images, 2):
        foretold = a["predicted"]["total"] - b["predicted"]["total"]
        happened = a["measured"]["median"]["total"] - b["measured"]["median"]["total"]
        # The same that `start` calls no measurable difference.
        if abs(foretold) < 0.03 + 0.03 * max(a["predicted"]["total"], b["predicted"]["total"]):
            undecided += 1
            continue
        first, second = (sorted(image["measured"][which]["total"] for which in ("least", "most")) for image in (a, b))
        # Where each has a run faster than one of the other's, nobody knows which is the faster.
        if foretold * happened < 0 and first[0] <= second[1] and second[0] <= first[1]:
            alike += 1
            continue
        pairs += 1
        right += foretold * happened > 0
sizes = sorted(map(abs, errors))
print(f"\n{len(sizes)} starts: median error {statistics.median(sizes):.1%}, worst {sizes[-1]:.1%}.", end=" ")
print(f"Order: right in {right} of {pairs} pairs; {undecided} have no measurable difference.", end=" ")
print(f"{alike} were foretold the other way round, and measured with runs of each faster than some of the other's.")
