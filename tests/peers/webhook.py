"""A receiver of text messages that checks their signatures with an independent library.

    python webhook.py SECRET [--status CODE] [--times N] [--location URL] [--silent] [--hold N] [--then SECRET]

Prints its port, then one JSON line for each request: whether its signature is right, its headers and its body. Answers
401 to a request with a wrong signature, and otherwise 204. With --status the answer to the first N requests (--times;
by default all) has that status. --silent reads the request and never answers. --hold answers the first N only after it
has read a line on standard input. With --then such a line replaces the secret by another one, which it prints. A secret
of - is the first line on standard input. It ends when its standard input does. Needs standardwebhooks.
"""

import argparse
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

parser = argparse.ArgumentParser()
parser.add_argument("secret")
parser.add_argument("--status", type=int, default=204)
parser.add_argument("--times", type=int, default=sys.maxsize)
parser.add_argument("--location")
parser.add_argument("--silent", action="store_true")
parser.add_argument("--hold", type=int, default=0)
parser.add_argument("--then")
arguments = parser.parse_args()
told_to_go_on = threading.Event()
lock = threading.Lock()


def next_answer():
    """Returns the status for a good request, and whether to wait before."""
    with lock:
        held, arguments.hold = arguments.hold > 0, arguments.hold - 1
        told, arguments.times = arguments.times > 0, arguments.times - 1
        return arguments.status if told else 204, held


def say(thing):
    print(json.dumps(thing), flush=True)


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            Webhook(arguments.secret).verify(body, headers)
            good = True
        except WebhookVerificationError:
            good = False
        say({"good": good, "path": self.path, "headers": headers, "body": json.loads(body)})
        if arguments.silent:
            threading.Event().wait()
        status, held = next_answer() if good else (401, False)
        if held:
            told_to_go_on.wait()
        self.send_response(status)
        if arguments.location:
            self.send_header("location", arguments.location)
        self.send_header("content-length", "0")
        self.end_headers()

    def do_GET(self):
        say({"good": False, "path": self.path, "headers": {}, "body": None})
        self.send_error(405)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
say(server.server_port)
threading.Thread(target=server.serve_forever, daemon=True).start()
for line in sys.stdin:
    if arguments.secret == "-":
        arguments.secret = line.strip()
    elif arguments.then:
        arguments.secret, arguments.then = arguments.then, None
        say({"secret": arguments.secret})
    else:
        told_to_go_on.set()
os._exit(0)
