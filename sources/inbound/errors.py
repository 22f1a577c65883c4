"""Why a request is not taken."""


class NotTaken(ValueError):
    """The request is refused; the text says why and what to do, `status` is the HTTP status."""

    status = 400


class Malformed(NotTaken):
    """The body cannot be read at all; the text says where it breaks."""


class WrongPayload(NotTaken):
    """The body was read and says nothing we can use; the text names the place and what is allowed."""


class NotSigned(NotTaken):
    """Its sender did not prove who they are: the signature is missing, wrong, old or made with another secret."""

    status = 401
