"""A registration hook that checks the signatures of requests with an independent library.

    python registration_hook.py SECRET

Prints its port, then one JSON line for each request: whether its signature is right, its headers, its body, and the text
of the body. Answers 401 to a request with a wrong signature, and otherwise allows every account. A line on standard input
is a JSON object that says how to answer from then on, and is printed again when it is in effect: status, body (a text),
headers, wait (seconds before the answer), silent. It ends when its standard input does. Needs standardwebhooks.
"""

import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

ALLOWED = {"body": '{"allow": true}'}
webhook = Webhook(sys.argv[1])
told = [ALLOWED]
speaking = threading.Lock()


def say(thing):
    # Requests that come together must not write into each other's lines.
    with speaking:
        print(json.dumps(thing), flush=True)


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        text = self.rfile.read(int(self.headers["content-length"])).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            webhook.verify(text, headers)
            good, answer = True, told[-1]
        except WebhookVerificationError:
            good, answer = False, {"status": 401, "body": ""}
        say({"good": good, "path": self.path, "headers": headers, "body": json.loads(text), "text": text})
        time.sleep(answer.get("wait", 0))
        if answer.get("silent"):
            self.close_connection = True
            return
        body = answer.get("body", "").encode()
        self.send_response(answer.get("status", 200))
        for name, value in answer.get("headers", {"content-type": "application/json"}).items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_HEAD(self):
        say({"method": "HEAD"})
        self.send_error(405)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 64

    def handle_error(self, request, client_address):
        # A client that waits no longer has left.
        pass


server = Server(("127.0.0.1", 0), Receiver)
say(server.server_port)
threading.Thread(target=server.serve_forever, daemon=True).start()
for line in sys.stdin:
    told.append(json.loads(line))
    say(told[-1])
os._exit(0)
