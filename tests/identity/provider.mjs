/* An OpenID provider (npm's oidc-provider, which is OpenID certified) that lets anybody in under the name that he types.
   node provider.mjs PORT REDIRECT_URI...   says "ready" when it listens. Names it knows have the roles below. */
import { generateKeyPairSync } from 'node:crypto';
import { createRequire } from 'node:module';

const { Provider } = createRequire(new URL('../../portal/package.json', import.meta.url))('oidc-provider');
const [port, ...redirects] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

const PEOPLE = {
  ada: { name: 'Ada of Lakeside', roles: ['staff', 'viewer', 'admin'], roster_groups: '*' },
  vera: { name: 'Vera of Lakeside', roles: 'viewer', roster_groups: ['g1', 'g2'] },
  nobody: { name: 'Nils Nobody', roles: ['janitor'] },
};

const client = (client_id, more = {}) => ({
  client_id,
  redirect_uris: redirects,
  application_type: 'native', // so that http to this machine may be its address
  token_endpoint_auth_method: 'none',
  grant_types: ['authorization_code', 'refresh_token'],
  ...more,
});

const provider = new Provider(issuer, {
  clients: [
    client('portal'),
    client('another-application'),
    client('short-lived'),
    client('user-pool', { client_secret: 'between-them', token_endpoint_auth_method: 'client_secret_post' }),
  ],
  pkce: { required: (_, asking) => asking.clientId !== 'user-pool' },
  features: { revocation: { enabled: true } },
  issueRefreshToken: () => true,
  clientBasedCORS: () => true,
  conformIdTokenClaims: false, // the ID token has what the scopes ask for, as Entra's and Okta's have
  claims: { openid: ['sub', 'roles', 'roster_groups'], profile: ['name'], email: ['email', 'email_verified'] },
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: 'first', use: 'sig', alg: 'RS256' }] },
  cookies: { keys: ['of this run'] },
  ttl: { IdToken: (_, token, asking) => (asking.clientId === 'short-lived' ? 1 : 3600) },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: `${id}@lakeside.example`, email_verified: true, ...PEOPLE[id] }),
  }),
});
provider.listen(Number(port), '127.0.0.1', () => console.log('ready'));
