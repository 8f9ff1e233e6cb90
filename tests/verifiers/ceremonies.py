"""What the relying parties in Python have in common: the file that they read, and the list that they print."""

import json
import sys


def report(verify):
    """Calls `verify` with each ceremony of the file, its place, and what is known of those before it. Prints a list with
    null for each that it accepts, or else the reason for the refusal.
    """
    with open(sys.argv[1], encoding="utf-8") as file:
        given = json.load(file)
    reasons, known = [], {}
    for place, ceremony in enumerate(given):
        try:
            verify(ceremony, place, known)
            reasons.append(None)
        except Exception as error:  # What the library does not foresee is a refusal, too.
            reasons.append(f"{type(error).__name__}: {error}")
    print(json.dumps(reasons))
