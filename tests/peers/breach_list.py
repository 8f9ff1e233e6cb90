"""A list of stolen passwords, with the range protocol of Have I Been Pwned.

    python breach_list.py [--known PASSWORD ...] [--status CODE] [--silent]

Prints its port, then one JSON line for each request: its path and headers. The answer contains the suffixes of the
known passwords in the requested range, some others, and padding. --status sets the status of the answer. With --silent
there is no answer. It ends when its standard input does.
"""

import argparse
import hashlib
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

parser = argparse.ArgumentParser()
parser.add_argument("--known", nargs="*", default=[])
parser.add_argument("--status", type=int, default=200)
parser.add_argument("--silent", action="store_true")
arguments = parser.parse_args()
hashes = [hashlib.sha1(password.encode()).hexdigest().upper() for password in arguments.known]


def say(thing):
    print(json.dumps(thing), flush=True)


class List(BaseHTTPRequestHandler):
    def do_GET(self):
        say({"path": self.path, "headers": {name.lower(): value for name, value in self.headers.items()}})
        if arguments.silent:
            threading.Event().wait()
        prefix = self.path.removeprefix("/range/")
        lines = ["0018A45C4D1DEF81644B54AB7F969B88D65:1", "00D4F6E8FA6EECAD2A3AA415EEC418D38EC:2"]
        lines += [found[5:] + ":7" for found in hashes if found.startswith(prefix)]
        lines += ["011053FD0102E94D6AE2F8B83D76FAF94F6:0"]
        body = "\r\n".join(lines).encode()
        self.send_response(arguments.status)
        self.send_header("content-type", "text/plain")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), List)
server.daemon_threads = True
say(server.server_address[1])
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
os._exit(0)
