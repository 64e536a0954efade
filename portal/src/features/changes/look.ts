import { useSearchParams } from 'react-router';
import type { paths, Schemas } from '../../api/client';
import { inWords, type Tense } from '../../app/words';

export type Asked = NonNullable<paths['/syncs/{syncId}/plan/changes']['get']['parameters']['query']>;
export type Action = NonNullable<Asked['action']>;
export type Done = 'created' | 'updated' | 'deactivated' | 'ended' | 'unchanged';

export const ENTITIES: Schemas['Breach']['entity'][] = ['users', 'classes', 'enrollments', 'orgs', 'courses', 'academicSessions'];
export const ACTIONS: Record<Done, Exclude<Action, ''>> = { created: 'create', updated: 'update', deactivated: 'deactivate', ended: 'end', unchanged: 'unchanged' };
/** In the order in which one decides: what goes stands first, where no telephone scrolls it away. */
export const DONE: readonly Done[] = ['deactivated', 'ended', 'created', 'updated', 'unchanged'];
export const IN_COUNTS: Record<Exclude<Action, ''>, Done> = { create: 'created', update: 'updated', deactivate: 'deactivated', end: 'ended', unchanged: 'unchanged' };
/** Of a plan that was approved without removals (`kept`), what would have gone stayed. */
export const cameTrue = (done: Done, tense: Tense, kept: boolean): Tense => (kept && (done === 'deactivated' || done === 'ended') ? 'would' : tense);
/** An update that brings back what had been removed is named so. */
export const comesBack = (change: Schemas['Change']) => change.action === 'update' && !!change.before?.['removedAt'] && !change.after?.['removedAt'];
/** What one looks at: in the URL, so that reload, back and a mailed link show the same rows. */
export interface Look {
  entity: string;
  action: Action;
  school: string;
  reason: string;
  search: string;
  sort: string;
  page: number;
}

const isAction = (value: string): value is Action => value === '' || value in IN_COUNTS;

export function useLook(): [Look, (next: Partial<Look>) => void] {
  const [params, setParams] = useSearchParams();
  const said = (name: string) => params.get(name) ?? '';
  const action = said('action');
  const look: Look = {
    entity: said('entity'),
    action: isAction(action) ? action : '',
    school: said('school'),
    reason: said('reason'),
    search: said('search'),
    sort: said('sort'),
    page: Number(said('page') || 1),
  };
  const change = (next: Partial<Look>) => {
    const whole = { ...look, page: 1, ...next };
    const kept = Object.entries(whole).map(([name, value]) => [name, String(value)] as const).filter(([name, value]) => value && !(name === 'page' && value === '1'));
    setParams(Object.fromEntries(kept), { replace: next.search !== undefined });
  };
  return [look, change];
}

/** A field of a changed record before and after, in words. */
export function sidesOf(change: Pick<Schemas['Change'], 'before' | 'after'>, name: string): [string, string] {
  const side = (record: Schemas['Change']['before']) => {
    const fields = (record?.['fields'] ?? {}) as Record<string, unknown>;
    return inWords(name in fields ? fields[name] : record?.[name]);
  };
  return [side(change.before), side(change.after)];
}
