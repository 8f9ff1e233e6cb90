"""A mail server to send to, which misbehaves on request.

    python smtp_server.py [--answer CODE TEXT] [--times N] [--silent] [--tls CERTIFICATE KEY] [--implicit]
                          [--user USER PASSWORD]

Prints its port, then one JSON line a mail, as Python's own parser reads it. --answer refuses recipients with an answer,
the first N of them (all, unless told otherwise). --silent accepts connections and never says a word. --tls wants
STARTTLS before anything else, or TLS from the first byte with --implicit. --user wants to be logged in to, within TLS if
there is any. It ends when its standard input does. Needs aiosmtpd.
"""

import argparse
import asyncio
import email
import email.policy
import json
import logging
import ssl
import sys
import warnings

from aiosmtpd.smtp import SMTP, AuthResult


def say(thing):
    print(json.dumps(thing), flush=True)


class Recorder:
    def __init__(self, arguments):
        self.answer = arguments.answer
        self.times = arguments.times

    async def handle_RCPT(self, server, session, envelope, address, options):
        if self.answer and self.times > 0:
            self.times -= 1
            return " ".join(self.answer)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        parts = {part.get_content_type(): part.get_content() for part in mail.walk() if not part.is_multipart()}
        say({
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "hello": session.host_name,
            "tls": session.ssl is not None,
            "user": session.auth_data.login.decode() if session.auth_data else None,
            "headers": {name.lower(): str(value) for name, value in mail.items()},
            "type": mail.get_content_type(),
            "order": [part.get_content_type() for part in mail.iter_parts()],
            "parts": parts,
            "defects": [str(defect) for part in mail.walk() for defect in part.defects],
        })
        return "250 OK"


def authenticator(wanted):
    def judge(server, session, envelope, mechanism, data):
        good = [data.login.decode(), data.password.decode()] == wanted
        return AuthResult(success=good, handled=False, auth_data=data)

    return judge


async def keep_silent(reader, writer):
    await reader.read()
    writer.close()


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--answer", nargs=2)
    parser.add_argument("--times", type=int, default=sys.maxsize)
    parser.add_argument("--silent", action="store_true")
    parser.add_argument("--tls", nargs=2)
    parser.add_argument("--implicit", action="store_true")
    parser.add_argument("--user", nargs=2)
    arguments = parser.parse_args()
    # It has much to say about what it is told to do wrong, and about clients that hang up.
    logging.disable()
    warnings.simplefilter("ignore")

    context = None
    if arguments.tls:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*arguments.tls)
    options = {}
    if context and not arguments.implicit:
        options |= {"tls_context": context, "require_starttls": True}
    if arguments.user:
        options |= {
            "authenticator": authenticator(arguments.user),
            "auth_required": True,
            "auth_require_tls": context is not None and not arguments.implicit,
        }

    loop = asyncio.get_running_loop()
    recorder = Recorder(arguments)
    if arguments.silent:
        server = await asyncio.start_server(keep_silent, "127.0.0.1", 0)
    else:
        server = await loop.create_server(
            lambda: SMTP(recorder, hostname="mail.test", enable_SMTPUTF8=True, **options),
            "127.0.0.1",
            0,
            ssl=context if arguments.implicit else None,
        )
    say(server.sockets[0].getsockname()[1])
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(main())
