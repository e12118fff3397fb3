"""A mail server with TLS and logins: mail_server.py MODE CERTIFICATE USER PASSWORD, MODE being starttls, smtps or plain.

Prints its port, then a line of JSON for each login that was tried and each message that was taken. Ends with its input.
"""
import json
import socket
import ssl
import sys

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

mode, certificate, user, password = sys.argv[1:5]


def say(**what):
    print(json.dumps(what), flush=True)


class Handler:
    async def handle_DATA(self, server, session, envelope):
        say(tls=mode == "smtps" or session.ssl is not None, login=bool(session.authenticated), sender=envelope.mail_from,
            recipients=envelope.rcpt_tos, content=envelope.content.decode())
        return "250 taken"


def authenticate(server, session, envelope, mechanism, data):
    right = (data.login.decode(), data.password.decode()) == (user, password)
    say(tried=data.login.decode(), mechanism=mechanism, right=right)
    return AuthResult(success=right, handled=False)


tls = None
if mode != "plain":
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
options = {} if mode == "plain" else {"authenticator": authenticate, "auth_required": True}
options |= {"ssl_context": tls, "auth_require_tls": False} if mode == "smtps" else {"tls_context": tls, "require_starttls": tls is not None}
# Port 0 would do, but the controller connects to what it was told, to see that it is there.
with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
controller = Controller(Handler(), hostname="127.0.0.1", port=port, **options)
controller.start()
print(port, flush=True)
sys.stdin.read()
controller.stop()
