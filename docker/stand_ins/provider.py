"""Serve an OpenID Connect provider with TLS, at which anybody may say who he is."""

import sys

import oidc_provider_mock
from werkzeug.serving import make_server

PORT = 9400


def main() -> int:
    """Serve with the certificate and the key that the arguments name, and at their port if any."""
    certificate, key, *ports = sys.argv[1:]
    application = oidc_provider_mock.app(require_nonce=True)
    make_server(
        "0.0.0.0",  # noqa: S104  (the network of the compose project)
        int(ports[0]) if ports else PORT,
        application,
        threaded=True,
        ssl_context=(certificate, key),
    ).serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
