import type { QueryClient } from '@tanstack/react-query';
import { data, type Api } from '../api/client';

/**
 * Milliseconds until a live sync is asked for again: at once in its first seconds, when something happens, ever less later.
 * One that waits for somebody is in no hurry. A school's people share one address, and the firewall counts by it: 102 times in
 * the first five minutes, then 60 in any five.
 */
export const watchEvery = ({ state }: { state: { dataUpdateCount: number } }, waits = false): number =>
  state.dataUpdateCount < 20 && !waits ? 500 : state.dataUpdateCount < 60 ? 2000 : 5000;

/** One sync, for `useQuery`; each page says how often it is read again. */
export const syncQuery = (api: Api, syncId: string) => ({
  queryKey: ['sync', syncId],
  queryFn: () => data(api.GET('/syncs/{syncId}', { params: { path: { syncId } } })),
});

/** A sync was started or answered: the status page waits for the news instead of showing for a moment what was before. */
export function lastIsOld(queries: QueryClient, groupId: string) {
  queries.removeQueries({ queryKey: ['last', groupId] });
  void queries.invalidateQueries();
}
