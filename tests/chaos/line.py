"""A line of TCP to a port of loopback that can go dead, and that breaks or falls silent after so many bytes."""

import socket
import threading
import time
from contextlib import suppress

SILENT_S = 45.0  # longer than the product waits for an SFTP server's word


class Line:
    """`at` bytes from the server, and then each of the next `times` connections is cut ("dies") or says no more ("stalls")."""

    def __init__(self, to_port: int) -> None:
        self._to = to_port
        self._dead_until, self._open = 0.0, set[socket.socket]()
        self.kind, self.at, self.times, self.done = "", 0, 0, 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def be(self, kind: str, at: int, times: int) -> None:
        self.kind, self.at, self.times, self.done = kind, at, times, 0

    def lead_to(self, port: int) -> None:
        """Where connections go from now on."""
        self._to = port

    def down(self, seconds: float) -> None:
        """Cut what is open, and whoever comes within `seconds`."""
        self._dead_until = time.monotonic() + seconds
        for each in list(self._open):
            _cut(each)

    def close(self) -> None:
        self._listener.close()
        self.down(0)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if time.monotonic() < self._dead_until:
                client.close()
                continue
            server = socket.create_connection(("127.0.0.1", self._to))
            self._open |= {client, server}
            unruly = self.done < self.times
            threading.Thread(target=self._lead, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._lead, args=(server, client, unruly), daemon=True).start()

    def _lead(self, here: socket.socket, there: socket.socket, unruly: bool) -> None:
        left = self.at if unruly else None
        with suppress(OSError):
            while left is None or left > 0:
                piece = here.recv(min(1 << 16, left or 1 << 16))
                if not piece:
                    break
                there.sendall(piece)
                left = None if left is None else left - len(piece)
            if left == 0:
                self.done += 1
                if self.kind == "stalls":
                    time.sleep(SILENT_S)
        for end in (here, there):
            self._open.discard(end)
            _cut(end)


def _cut(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
