import { useQueries, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { useLocation } from 'react-router';
import { useApi, type Schemas } from '../api/client';
import { readable } from '../api/plain';
import { useEnded, useSay } from './messages';
import { syncQuery } from './syncQuery';
import { useNews } from './title';
import { isLive, STATES } from './words';

const EVERY_MS = 3000;

/** Follows each sync that was seen running in this tab, and tells its end on whichever page one is by then. */
export function Finished() {
  const api = useApi();
  const queries = useQueryClient();
  const say = useSay();
  const ended = useEnded();
  const tell = useNews();
  const here = useLocation().pathname;
  const [followed, setFollowed] = useState<readonly string[]>([]);
  useEffect(() => queries.getQueryCache().subscribe(({ query, type }) => {
    if (type !== 'updated' || (query.queryKey as readonly unknown[])[0] !== 'sync') return;
    const sync = query.state.data as Schemas['Sync'] | undefined;
    if (sync && isLive(sync.state)) setFollowed(old => (old.includes(sync.syncId) ? old : [...old, sync.syncId]));
  }), [queries]);
  const seen = useQueries({ queries: followed.map(syncId => ({ ...syncQuery(api, syncId), refetchInterval: (query: { state: { data?: Schemas['Sync'] } }) => (query.state.data && !isLive(query.state.data.state) ? false : EVERY_MS) })) });
  const told = useRef(new Set<string>());
  const over = seen.map(each => each.data).filter(sync => sync && !isLive(sync.state));
  useEffect(() => {
    const last = over.find(sync => sync && !told.current.has(sync.syncId));
    if (!last) return;
    told.current.add(last.syncId);
    ended(last.syncId);
    void queries.invalidateQueries({ predicate: query => ['group', 'groups', 'last', 'history', 'overview', 'inbox', 'platform'].includes(String(query.queryKey[0])) });
    const group = queries.getQueryData<Schemas['GroupOut']>(['group', last.groupId])?.name ?? 'Sync';
    const done = last.state === 'succeeded';
    tell(`${done ? '✓' : '!'} ${group}: ${STATES[last.state].label.toLowerCase()}`);
    if (here === `/groups/${last.groupId}/status`) return; // it stands there already
    say(done ? 'success' : ['discarded', 'cancelled', 'superseded'].includes(last.state) ? 'info' : 'error', `${group}: ${readable(last.message) || STATES[last.state].label}`);
  }, [over, queries, say, ended, tell, here]);
  return null;
}
