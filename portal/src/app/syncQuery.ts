import { data, type Api } from '../api/client';

/** One sync, for `useQuery`; each page says how often it is read again. */
export const syncQuery = (api: Api, syncId: string) => ({
  queryKey: ['sync', syncId],
  queryFn: () => data(api.GET('/syncs/{syncId}', { params: { path: { syncId } } })),
});
