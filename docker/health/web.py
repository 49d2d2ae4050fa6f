"""Exit with 0 if the web process of this container answers.

An argument is another address than that of the image's own command.
"""

import sys
import urllib.error
import urllib.request
from urllib.request import Request

ADDRESS = "http://127.0.0.1:8080/api/v1/app/version"
# No name of ours: so it is a balancer's check, and does not wait behind requests of users.
HOST = "127.0.0.1:8080"


def main() -> int:
    """Ask as a load balancer does; no part behind the process is asked."""
    address = sys.argv[1] if len(sys.argv) > 1 else ADDRESS
    request = Request(address, headers={"Host": HOST})  # noqa: S310  (of the image, or of compose)
    try:
        with urllib.request.urlopen(request, timeout=4) as answer:  # noqa: S310
            return 0 if answer.status == 200 else 1
    except (urllib.error.URLError, OSError):
        return 1


if __name__ == "__main__":
    sys.exit(main())
