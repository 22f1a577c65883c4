"""What every page carries beside its content."""

STRICT = (
    "default-src 'self'; img-src 'self' data:; style-src 'self'; script-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
# The admin theme evaluates Alpine expressions and writes styles from scripts, so it alone gets the two exceptions.
ADMIN = (
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
    "script-src 'self' 'unsafe-inline' 'unsafe-eval'; frame-ancestors 'none'; base-uri 'none'"
)


def content_security_policy(get_response):
    """Add the strict policy to every answer, the looser one under the admin's path."""

    def middleware(request):
        response = get_response(request)
        response.headers.setdefault("Content-Security-Policy", ADMIN if request.path.startswith("/admin/") else STRICT)
        return response

    return middleware
