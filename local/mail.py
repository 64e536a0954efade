"""`make mail`: the mails that the running stack has sent, the newest last. Locally nobody gets them but you."""

import json
import urllib.error
import urllib.request

from local.run import EMULATOR_PORT


def main() -> None:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{EMULATOR_PORT}/_ministack/ses/messages", timeout=5) as answer:
            accounts = json.load(answer)["messages"]
    except (urllib.error.URLError, OSError):
        raise SystemExit("The stack is not running; start it with make run.") from None
    mails = [mail for mails in accounts.values() for mail in mails]
    for mail in mails:
        print(f"To: {', '.join(mail['To'])}\nSubject: {mail['Subject']}\n\n{mail['BodyText']}\n{'-' * 80}")
    if not mails:
        print("No mail has been sent. A held sync of a group with a contact e-mail sends one.")


if __name__ == "__main__":
    main()
