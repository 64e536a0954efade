import type { Schemas } from '../../api/client';

type Client = Schemas['ClientOut'];

/** Whether it reads by OneRoster; the other scopes are of this API. */
export const readsRoster = (client: Client) => client.scopes.some(each => each.startsWith('roster'));
export const runsSyncs = (client: Client) => client.scopes.some(each => !each.startsWith('roster'));
