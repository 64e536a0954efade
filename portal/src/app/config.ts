/** What differs by stage, read at run time so that one build serves every stage. */
export interface Config {
  apiUrl: string;
  issuer: string;
  clientId: string;
  redirectUri: string;
  authorizationEndpoint: string;
  tokenEndpoint: string;
  jwksUri: string;
  endSessionEndpoint: string;
  /** Where the docs are served, with a slash at its end; absent where they are not. */
  docsUrl?: string;
  /** Empty where the provider takes no token back. */
  revocationEndpoint: string;
}

export async function readConfig(): Promise<Config> {
  const answer = await fetch('/config.json');
  if (!answer.ok) throw new Error('config.json');
  return (await answer.json()) as Config;
}
