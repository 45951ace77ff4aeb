// The certified OpenID provider on loopback, for tests: two people, one native client, plain pages for a browser.
// Usage: node provider.mjs PORT; prints a line when it listens. Modules are found from the folder in NODE_MODULES.
import { createRequire } from 'node:module';
import { createServer } from 'node:http';
import { pathToFileURL } from 'node:url';

const require = createRequire(`${process.env.NODE_MODULES}/`);
const { default: Provider } = await import(pathToFileURL(require.resolve('oidc-provider')));

const port = Number(process.argv[2]);
const people = {
  alice: { email: 'alice@example.com', email_verified: true, groups: ['staff', 'analysts'] },
  mallory: { email: 'alice@example.com', email_verified: false, groups: ['staff', 'analysts'] },
};

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    {
      client_id: 'cli',
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      redirect_uris: ['http://127.0.0.1/callback'],
      grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
      response_types: ['code'],
    },
  ],
  pkce: { required: () => true },
  claims: { openid: ['sub'], email: ['email', 'email_verified'], groups: ['groups'] },
  scopes: ['openid', 'offline_access'],
  conformIdTokenClaims: false,
  findAccount: (_, id) => (id in people ? { accountId: id, claims: () => ({ sub: id, ...people[id] }) } : undefined),
  rotateRefreshToken: true,
  features: { devInteractions: { enabled: false }, deviceFlow: { enabled: true }, revocation: { enabled: true } },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  ttl: { AccessToken: 600, IdToken: 600, RefreshToken: 86400, DeviceCode: 600, Session: 3600, Interaction: 600, Grant: 86400 },
  cookies: { keys: ['a key for tests alone'] },
});

function page(response, body) {
  response.setHeader('content-type', 'text/html; charset=utf-8');
  response.end(`<!doctype html><title>login</title>${body}`);
}

async function interact(request, response) {
  const details = await provider.interactionDetails(request, response);
  if (request.method === 'GET') {
    const form = details.prompt.name === 'login'
      ? '<input name="user" id="user"><button id="go">Log in</button>'
      : '<button id="go">Allow</button>';
    page(response, `<form method="post">${form}</form>`);
    return;
  }
  let body = '';
  for await (const piece of request) body += piece;
  if (details.prompt.name === 'login') {
    const user = new URLSearchParams(body).get('user');
    await provider.interactionFinished(request, response, { login: { accountId: user } }, { mergeWithLastSubmission: false });
    return;
  }
  const grant = new provider.Grant({ accountId: details.session.accountId, clientId: details.params.client_id });
  grant.addOIDCScope(details.params.scope);
  const grantId = await grant.save();
  await provider.interactionFinished(request, response, { consent: { grantId } }, { mergeWithLastSubmission: true });
}

const inner = provider.callback();
createServer((request, response) => {
  if (request.url.startsWith('/interaction/')) {
    interact(request, response).catch((error) => { response.statusCode = 500; response.end(String(error)); });
  } else {
    inner(request, response);
  }
}).listen(port, '127.0.0.1', () => console.log('listening'));
