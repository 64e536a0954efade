#!/usr/bin/env bash
# paramiko is the usual SFTP client of Python. Two guesses that do not hold for its defaults (5.1.0):
# - a current release offers no 3DES, no CBC and no MAC by MD5;
# - it reaches a server that offers curve25519 by its standard name alone (RFC 8731, curve25519-sha256): it knows the name from
#   before the standard, though the two are one algorithm.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" -q install paramiko==5.1.0 2>/dev/null
"$folder/venv/bin/python" - <<'PYTHON'
import socket, sys
import paramiko

ours, _ = socket.socketpair()
options = paramiko.Transport(ours).get_security_options()
weak = [each for each in (*options.ciphers, *options.digests) if "cbc" in each or "md5" in each]
curves = [each for each in options.kex if "curve25519" in each]
print(f"paramiko {paramiko.__version__} offers by default: {', '.join(weak)}")
print(f"and of curve25519: {', '.join(curves)}")
if "3des-cbc" not in weak or "hmac-md5" not in weak or "curve25519-sha256" in curves or not curves:
    sys.exit("this has changed")
PYTHON
