// SPDX-License-Identifier: Apache-2.0
// A certified OpenID Connect provider on loopback. Whoever signs in is called what they type.
// Arguments: port, redirect address, file with its private keys (JWKS).
import { readFileSync } from 'node:fs';
import Provider from 'oidc-provider';

const [port, redirect, keys] = process.argv.slice(2);
const device = 'urn:ietf:params:oauth:grant-type:device_code';
const grants = ['authorization_code', 'refresh_token', device];
const client = {
  redirect_uris: [redirect], grant_types: grants, response_types: ['code'], id_token_signed_response_alg: 'RS256',
};
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    { ...client, client_id: 'byhand', client_secret: 'a secret/of+ours' },
    { ...client, client_id: 'another', client_secret: 'other' },
  ],
  jwks: JSON.parse(readFileSync(keys)),
  pkce: { required: () => true },
  scopes: ['openid', 'email', 'offline_access'],
  claims: { openid: ['sub', 'auth_time', 'acr', 'amr', 'preferred_username', 'kind'], email: ['email'] },
  conformIdTokenClaims: false,
  rotateRefreshToken: true,
  features: { devInteractions: { enabled: true }, deviceFlow: { enabled: true } },
  cookies: { keys: ['of a test'] },
  findAccount: async (_, id) => ({
    accountId: id,
    claims: async () => ({
      sub: id, preferred_username: id, email: `${id}@example.test`, kind: id.startsWith('kiosk') ? 'shared' : 'person',
    }),
  }),
});
provider.listen(Number(port), '127.0.0.1', () => console.log('ready'));
