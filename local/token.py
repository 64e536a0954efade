"""`make token ROLE=...`: print a bearer token of the running stack, nothing else."""

import sys

from local.run import EMULATOR_PORT, FOLDER, PORTAL_PORT
from local.stack import PEOPLE, Stack, read_environment


def main() -> None:
    role = sys.argv[1] if len(sys.argv) > 1 else ""
    if role not in PEOPLE:
        sys.exit(f"Say whose: make token ROLE={'|'.join(PEOPLE)}")
    stack = Stack(EMULATOR_PORT, f"http://127.0.0.1:{PORTAL_PORT}", FOLDER)
    try:
        known = read_environment(FOLDER / "stack.env")
        stack.outputs = {"UserPool": known["USER_POOL"], "PortalClient": known["PORTAL_CLIENT"]}
        print(stack.token(role))
    except Exception as trouble:  # noqa: BLE001 (a script's edge: one sentence instead of a trace)
        sys.exit(f"No stack is running here ({type(trouble).__name__}); start it with make run.")


if __name__ == "__main__":
    main()
