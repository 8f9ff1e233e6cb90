"""A mail server that receives mail and misbehaves on request.

    python smtp_server.py [--answer CODE TEXT] [--refuse-sender CODE TEXT] [--times N] [--grudge] [--silent] [--closed]
                          [--hold N] [--no-farewell] [--tls CERTIFICATE KEY] [--implicit]
                          [--user USER PASSWORD [--then PASSWORDS]…]
                          [--ascii]

Prints its port, then one JSON line for each mail, as Python's own parser reads it.

--answer refuses recipients with this answer: the first N with --times, otherwise all. "{address}" in the answer is the
recipient. --refuse-sender refuses every sender. With --grudge it refuses only the first recipient that it gets, each
time. --silent accepts connections and sends nothing. --closed does not listen on its port until it reads a line on
standard input. --hold receives the first N mails, but confirms them only after such a line. --no-farewell never answers
QUIT. --tls requires STARTTLS before anything else, or with --implicit TLS from the first byte. --user requires a login,
within TLS if there is any. With each --then a line on standard input replaces the password by another one, or by
several valid ones, separated by commas; it prints them. With --ascii it lacks SMTPUTF8, as many servers do, and refuses
commands and headers with non-ASCII bytes. It ends when its standard input does. Needs aiosmtpd.
"""

import argparse
import asyncio
import email
import email.policy
import email.utils
import json
import logging
import socket
import ssl
import sys
import warnings
from email.header import decode_header, make_header

from aiosmtpd.smtp import SMTP, AuthResult


def senders(head):
    """Reads the names and addresses of From with the older of Python's two parsers: the newer one does not remove the
    white space between two encoded words (RFC 2047 section 6.2)."""
    found = email.utils.getaddresses(email.message_from_bytes(head).get_all("from"))
    return [[str(make_header(decode_header(name))), address] for name, address in found]


def say(thing):
    print(json.dumps(thing), flush=True)


class Recorder:
    def __init__(self, arguments):
        self.answer = arguments.answer
        self.times = arguments.times
        self.grudge = arguments.grudge
        self.first = None
        self.hold = arguments.hold
        self.farewell = not arguments.no_farewell
        self.ascii = arguments.ascii
        self.refuse_sender = arguments.refuse_sender
        self.told_to_go_on = asyncio.Event()

    async def handle_MAIL(self, server, session, envelope, address, options):
        if self.refuse_sender:
            return " ".join(self.refuse_sender)
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        self.first = self.first or address
        spared = self.grudge and address != self.first
        if self.answer and self.times > 0 and not spared:
            self.times -= 1
            return " ".join(self.answer).replace("{address}", address)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        head = envelope.content.partition(b"\r\n\r\n")[0]
        if self.ascii and not head.isascii():
            return "554 5.6.7 a header is not ASCII"
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        parts = {part.get_content_type(): part.get_content() for part in mail.walk() if not part.is_multipart()}
        say({
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "recipient": session.recipient,
            "to_header": next(value for name, value in mail.raw_items() if name.lower() == "to"),
            "hello": session.host_name,
            "tls": session.ssl is not None,
            "user": session.auth_data.login.decode() if session.auth_data else None,
            "headers": {name.lower(): str(value) for name, value in mail.items()},
            "senders": senders(head),
            "header_defects": [str(defect) for value in mail.values() for defect in value.defects],
            "type": mail.get_content_type(),
            "order": [part.get_content_type() for part in mail.iter_parts()],
            "parts": parts,
            "defects": [str(defect) for part in mail.walk() for defect in part.defects],
        })
        if self.hold > 0:
            self.hold -= 1
            await self.told_to_go_on.wait()
        return "250 OK"

    async def handle_QUIT(self, server, session, envelope):
        if not self.farewell:
            await asyncio.Event().wait()
        return "221 Bye"


class Server(SMTP):
    """Records recipients as they were written: the parser reads a quoted local part and an unquoted one alike."""

    async def smtp_RCPT(self, arg):
        self.session.recipient = arg
        await super().smtp_RCPT(arg)


class Doorkeeper:
    def __init__(self, arguments):
        self.user, password = arguments.user
        self.passwords = [password]
        self.later = [passwords.split(",") for passwords in arguments.then]

    def verify(self, server, session, envelope, mechanism, data):
        good = data.login.decode() == self.user and data.password.decode() in self.passwords
        return AuthResult(success=good, handled=False, auth_data=data)

    def change_passwords(self):
        self.passwords = self.later.pop(0)
        say({"passwords": self.passwords})


async def keep_silent(reader, writer):
    await reader.read()
    writer.close()


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--answer", nargs=2)
    parser.add_argument("--refuse-sender", nargs=2)
    parser.add_argument("--times", type=int, default=sys.maxsize)
    parser.add_argument("--grudge", action="store_true")
    parser.add_argument("--silent", action="store_true")
    parser.add_argument("--closed", action="store_true")
    parser.add_argument("--hold", type=int, default=0)
    parser.add_argument("--no-farewell", action="store_true")
    parser.add_argument("--tls", nargs=2)
    parser.add_argument("--implicit", action="store_true")
    parser.add_argument("--user", nargs=2)
    parser.add_argument("--then", action="append", default=[])
    parser.add_argument("--ascii", action="store_true")
    arguments = parser.parse_args()
    # The library warns about the misbehaviour that is requested here, and about clients that disconnect.
    logging.disable()
    warnings.simplefilter("ignore")

    context = None
    if arguments.tls:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*arguments.tls)
    options = {}
    if context and not arguments.implicit:
        options |= {"tls_context": context, "require_starttls": True}
    doorkeeper = Doorkeeper(arguments) if arguments.user else None
    if doorkeeper:
        options |= {
            "authenticator": doorkeeper.verify,
            "auth_required": True,
            "auth_require_tls": context is not None and not arguments.implicit,
        }

    loop = asyncio.get_running_loop()
    recorder = Recorder(arguments)
    place = socket.socket()
    place.bind(("127.0.0.1", 0))

    async def listen():
        if arguments.silent:
            return await asyncio.start_server(keep_silent, sock=place)
        return await loop.create_server(
            lambda: Server(recorder, hostname="mail.test", enable_SMTPUTF8=not arguments.ascii, **options),
            sock=place,
            ssl=context if arguments.implicit else None,
        )

    server = None if arguments.closed else await listen()
    say(place.getsockname()[1])
    while await loop.run_in_executor(None, sys.stdin.readline):
        if server is None:
            server = await listen()
        elif doorkeeper and doorkeeper.later:
            doorkeeper.change_passwords()
        else:
            recorder.told_to_go_on.set()


asyncio.run(main())
