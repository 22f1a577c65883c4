"""Ports that are no HTTP: a Redis that answers PING, and a mail server that greets; both can play dead."""

import socket
import threading
from typing import Any, BinaryIO, Self


class Port:
    """Listens on a thread of its own; subclasses say in `talk` what a connection hears.

    host, port   where to listen; port 0 takes a free one, which is kept while nobody listens
    """

    scheme, name = "tcp", "port"

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.host, self.port = host, port
        self._socket: socket.socket | None = None
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.answers = False

    @property
    def url(self) -> str:
        """Such as redis://127.0.0.1:6379."""
        return f"{self.scheme}://{self.host}:{self.port}"

    def start(self) -> Self:
        self._bind()
        self.accept()
        return self

    def stop(self) -> None:
        """Stop listening and cut open connections; stopping twice does no harm."""
        with self._lock:
            self._cut()
            if self._socket:
                self._socket.close()
                self._socket = None

    def accept(self) -> None:
        """Take connections again after `refuse`."""
        with self._lock:
            if self.answers or self._socket is None:
                return
            self.answers = True
            self._socket.listen()
            threading.Thread(target=self._serve, args=(self._socket,), name=self.name, daemon=True).start()

    def refuse(self) -> None:
        """Refuse every connection, as if the program were gone; the port stays ours."""
        with self._lock:
            if self.answers:
                self._cut()
                self._bind()

    def talk(self, words: BinaryIO, connection: socket.socket) -> None:
        """Hold one conversation: read from `words`, send on `connection`; it ends when this returns."""
        raise NotImplementedError

    def _bind(self) -> None:
        """A socket that holds the port and does not listen: the kernel itself refuses whoever comes."""
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((self.host, self.port))
        self.port = self._socket.getsockname()[1]

    def _cut(self) -> None:
        self.answers = False
        for each in [self._socket, *self._connections]:
            if each is not None:
                _shut(each)
        if self._socket:
            self._socket.close()

    def _serve(self, listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return  # refused or stopped meanwhile
            threading.Thread(target=self._hold, args=(connection,), name=self.name, daemon=True).start()

    def _hold(self, connection: socket.socket) -> None:
        with self._lock:
            self._connections.add(connection)
        try:
            with connection, connection.makefile("rb") as words:
                self.talk(words, connection)
        except (OSError, ValueError):
            return  # the client left, or spoke another language
        finally:
            with self._lock:
                self._connections.discard(connection)


class Redis(Port):
    """Answers PING, and says OK to AUTH and SELECT. Source: Redis, "Redis serialization protocol specification"."""

    scheme, name = "redis", "redis"
    SAYS = {b"PING": b"+PONG\r\n", b"AUTH": b"+OK\r\n", b"SELECT": b"+OK\r\n", b"QUIT": b"+OK\r\n"}

    def talk(self, words: BinaryIO, connection: socket.socket) -> None:
        while head := words.readline():
            said = [words.read(int(words.readline()[1:]) + 2)[:-2] for _ in range(int(head[1:]))]
            unknown = b"-ERR unknown command '" + said[0] + b"'\r\n"
            connection.sendall(self.SAYS.get(said[0].upper(), unknown))


class MailGreeting(Port):
    """Greets as a mail server does and says goodbye. Source: RFC 5321, sections 3.1 and 4.3.1."""

    scheme, name = "tcp", "smtp"
    GREETING = b"220 smtp.bz ESMTP ready\r\n"

    def talk(self, words: BinaryIO, connection: socket.socket) -> None:
        connection.sendall(self.GREETING)
        while line := words.readline().strip():
            over = line.upper() == b"QUIT"
            connection.sendall(b"221 smtp.bz closing connection\r\n" if over else b"250 smtp.bz\r\n")
            if over:
                return


def switch(port: Port, answers: bool) -> None:
    """Let `port` answer, or refuse."""
    port.accept() if answers else port.refuse()


def told(port: Port) -> str:
    """`answers` or `refuses`, for a state."""
    return "answers" if port.answers else "refuses"


def _shut(connection: Any) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it was over already
