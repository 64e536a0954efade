import type { Schemas } from '../../api/client';

type Client = Schemas['ClientOut'];
type Scopes = Schemas['ClientIn']['scopes'];

/** By OneRoster; the others are of this API. */
export const READING: Scopes = ['roster-core.readonly', 'roster.readonly'];
export const RUNNING: Scopes = ['status.read', 'upload.create', 'sync.start'];

export const readsRoster = (client: Client) => READING.some(each => client.scopes.includes(each));
export const runsSyncs = (client: Client) => RUNNING.some(each => client.scopes.includes(each));
