"""Solves a challenge for work with the library altcha, and prints what a client sends.

    python work.py CHALLENGE
"""

import json
import sys

from altcha import Challenge, Payload, solve_challenge

challenge = Challenge.from_dict(json.loads(sys.argv[1]))
sys.stdout.write(Payload(challenge, solve_challenge(challenge)).to_base64())
