"""A container's health check: `health.py /livez` ends with 0 when the portal in it answers 200."""

import http.client
import os
import sys
from urllib.parse import urlsplit


def main(path: str) -> int:
    """Ask under the name that the portal answers to, as the proxy would."""
    base = urlsplit(os.environ.get("PORTAL_BASE_URL", "http://localhost:8000"))
    connection = http.client.HTTPConnection("127.0.0.1", 8000, timeout=5)
    try:
        connection.request("GET", path, headers={"Host": base.netloc, "X-Forwarded-Proto": base.scheme})
        return 0 if connection.getresponse().status == 200 else 1
    except OSError:
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
