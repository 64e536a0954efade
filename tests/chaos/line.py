"""A line to a source that breaks or falls silent after so many bytes."""

import time

from local.peers.sftp import Line

SILENT_S = 45.0  # longer than the product waits for an SFTP server's word


class UnrulyLine(Line):
    """`at` bytes from the server, and then each of the next `times` connections is cut ("dies") or says no more ("stalls")."""

    def __init__(self, to_port: int) -> None:
        self.kind, self.at, self.times, self.done = "", 0, 0, 0
        super().__init__(to_port)

    def be(self, kind: str, at: int, times: int) -> None:
        self.kind, self.at, self.times, self.done = kind, at, times, 0

    def allowance(self) -> int | None:
        return self.at if self.done < self.times else None

    def used_up(self) -> None:
        self.done += 1
        if self.kind == "stalls":
            time.sleep(SILENT_S)
