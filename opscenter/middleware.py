"""What every page carries beside its content, and who comes into the admin at all."""

from django.core.exceptions import PermissionDenied
from django.http import HttpResponseBadRequest

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


def admin_for_staff(get_response):
    """Whoever is signed in and has no business in the admin is refused its pages, not asked to sign in once more."""
    entrances = {"/admin/", "/admin/login/", "/admin/logout/"}

    def middleware(request):
        inside = request.path.startswith("/admin/") and request.path not in entrances
        if inside and request.user.is_authenticated and not request.user.is_staff:
            raise PermissionDenied("The admin is for staff; your pages are those in the menu.")
        return get_response(request)

    return middleware


def without_nul(get_response):
    """Refuse an address with NUL in it, which PostgreSQL takes in no text; the API says so in its own words.

    Nobody types it, and every page that looks something up by its address would else have to think of it.
    """

    def middleware(request):
        has = "\0" in request.path_info or "%00" in request.META.get("QUERY_STRING", "")
        if has and not request.path_info.startswith("/api/"):
            words = "The address contains a NUL character (%00), which no text here can have. Leave it out."
            return HttpResponseBadRequest(words, content_type="text/plain; charset=utf-8")
        return get_response(request)

    return middleware
