/** How the stored words read on a page. */
import type { StatusIndicatorProps } from '@cloudscape-design/components/status-indicator';
import type { Schemas } from '../api/client';

export const METHODS = { zip: 'ZIP', sftp: 'SFTP', rest: 'API' } as const;

/** Each status by its label, and what it means for whoever asks. */
export const STATES: Record<Schemas['State'], { label: string; type: StatusIndicatorProps.Type; means: string }> = {
  queued: { label: 'Queued', type: 'pending', means: 'Another sync or rehearsal of this group has to end first. Then this one starts.' },
  running: { label: 'Running', type: 'in-progress', means: 'The sync is running. You can leave the page.' },
  waiting: { label: 'Waiting for you', type: 'info', means: 'The sync needs an answer. Nothing is written until it gets one.' },
  succeeded: { label: 'Succeeded', type: 'success', means: 'Everything that was planned is on the platform.' },
  failed: { label: 'Failed', type: 'error', means: 'The sync could not finish. The message says why; starting it again is safe.' },
  refused: { label: 'Refused', type: 'error', means: 'What came from the source can’t be used. Nothing was changed.' },
  expired: { label: 'Expired', type: 'stopped', means: 'Nobody answered within seven days. Nothing was changed.' },
  cancelled: { label: 'Canceled', type: 'stopped', means: 'Someone canceled the sync.' },
  discarded: { label: 'Discarded', type: 'stopped', means: 'Someone reviewed the changes and decided against them. Nothing was changed.' },
  superseded: { label: 'Superseded', type: 'stopped', means: 'A newer file arrived first, so this one was not synced.' },
};

/** What came of a sync; of one that waits for its turn, what it waits for. */
export const resultOf = (message: string, state: Schemas['State'] | null | undefined) => message || (state === 'queued' ? STATES.queued.means : '–');

/** How a sync stands, in a word or two: held rather than waiting where it exceeds a limit; a rehearsal says that it is one. */
export function standing(sync: { state: Schemas['State']; held?: boolean; rehearsal?: boolean }): { label: string; type: StatusIndicatorProps.Type } {
  const own = STATES[sync.state];
  const { label, type } = sync.held && sync.state === 'waiting' ? { label: 'Held for review', type: 'warning' as const } : own;
  return { label: sync.rehearsal ? `Rehearsal: ${label.toLowerCase()}` : label, type };
}

export const MODES: Record<Schemas['Mode'], string> = { full: 'All data', selective: 'Selective', undo: 'Undo' };

export const STEPS: Record<Schemas['Step'], string> = {
  fetch: 'Fetch the roster',
  open: 'Open the files',
  stage: 'Read and check the rows',
  plan: 'Work out the changes',
  apply: 'Write the changes',
  commit: 'Finish',
  report: 'Write the report',
};

/** How far a step is: rows as they are, bytes in MB, pages as pages. */
const UNITS: Record<Schemas['Unit'], string> = { rows: 'rows', bytes: 'MB', pages: 'pages' };
export const amount = ({ done, total, unit }: Schemas['Progress']) => {
  if (!total) return 'working';
  const told = (value: number) => (unit === 'bytes' ? (value / 1_000_000).toLocaleString(undefined, { maximumFractionDigits: 1 }) : number(value));
  const unitName = total === 1 && unit !== 'bytes' ? UNITS[unit].replace(/s$/, '') : UNITS[unit];
  return done === total ? `${told(total)} ${unitName}` : `${told(done)} of ${told(total)} ${unitName}`;
};

export const isLive = (state: Schemas['State']) => ['queued', 'running', 'waiting'].includes(state);
export const number = (value: number) => value.toLocaleString();
/** `1 row`, `2 rows`; `many` where an s alone does not make it. */
export const plural = (count: number, one: string, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;
/** Moments of one minute must be told apart where several stand in one list: `seconds`. */
export const moment = (value: string | null | undefined, seconds = false) =>
  value ? new Date(value).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: seconds ? 'medium' : 'short' }) : '–';
export const ENTITIES = { orgs: 'Orgs', academicSessions: 'Academic sessions', courses: 'Courses', classes: 'Classes', users: 'Users', enrollments: 'Enrollments' } as const;
export const entityName = (entity: string) => (entity in ENTITIES ? ENTITIES[entity as keyof typeof ENTITIES] : capital(entity));
/** A word of OneRoster's as a label: siteAdministrator is Site administrator. */
export const capital = (word: string) => {
  const spaced = word.replace(/(?<=[a-z])[A-Z]/g, letter => ` ${letter.toLowerCase()}`);
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
};
/** A sentence's beginning; a file keeps its own name. */
export const sentenceOf = (text: string) => (/^\w+\.csv\b/.test(text) ? text : text.charAt(0).toUpperCase() + text.slice(1));
/** Fields of OneRoster's whose own names nobody says. */
const FIELD_NAMES: Record<string, string> = {
  userSourcedId: 'Person', classSourcedId: 'Class', schoolSourcedId: 'School', orgSourcedId: 'Org', courseSourcedId: 'Course', parentSourcedId: 'Belongs to',
  schoolYearSourcedId: 'School year', termSourcedIds: 'Terms', agentSourcedIds: 'Guardians and other relatives', primaryOrgSourcedId: 'Main school', userProfiles: 'Logins',
  userIds: 'Other ids', enabledUser: 'May sign in', platformStatus: 'On the platform', email: 'E-mail', sms: 'Text messages', username: 'Username',
};
export const fieldName = (field: string) => FIELD_NAMES[field] ?? capital(field);
/** A value of a record as a person reads it: lists with commas, what belongs together with the names of its parts. */
export function inWords(value: unknown, names: Record<string, string> = {}): string {
  if (value == null || value === '') return 'empty';
  if (Array.isArray(value)) return value.length ? value.map(each => inWords(each, names)).join(typeof value[0] === 'object' ? '; ' : ', ') : 'empty';
  if (typeof value === 'object') return Object.entries(value).filter(([, inner]) => inner != null && inner !== '').map(([name, inner]) => `${fieldName(name).toLowerCase()} ${inWords(inner, names)}`).join(', ');
  return typeof value === 'boolean' ? (value ? 'Yes' : 'No') : typeof value === 'string' ? names[value] ?? value : JSON.stringify(value);
}
/** Seconds as people say them: 0.4 s, 12 s, 3 min, 2 h 5 min. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 10) return `${Math.max(0, seconds).toLocaleString(undefined, { maximumFractionDigits: 1 })} s`;
  if (whole < 120) return `${number(whole)} s`;
  const minutes = Math.round(whole / 60);
  return minutes < 120 ? `${number(minutes)} min` : `${number(Math.floor(minutes / 60))} h ${number(minutes % 60)} min`;
}

/** Of what kind a sync is, in words: a rehearsal and an undo are named so, wherever a sync is named. */
export const kindOf = (sync: Pick<Schemas['Sync'], 'mode' | 'rehearsal'> & { savedSelection?: Schemas['SavedUse'] | null }) =>
  sync.rehearsal ? 'Rehearsal' : sync.savedSelection ? `“${sync.savedSelection.name}”, version ${sync.savedSelection.version}` : MODES[sync.mode];

/** When a group's next sync comes; due where its moment has passed and it has not begun. */
export const nextRun = (at: string | null | undefined) => (!at ? 'Manual' : Date.parse(at) < Date.now() ? 'Due now' : moment(at));

export type Tense = 'will' | 'did' | 'would';
const DONE = { created: 'created', returned: 'brought back', updated: 'updated', deactivated: 'deactivated', ended: 'ended', unchanged: 'unchanged' } as const;
const TO_DO = { created: 'to create', returned: 'to bring back', updated: 'to update', deactivated: 'to deactivate', ended: 'to end', unchanged: 'unchanged' } as const;
const NOT_DONE = { created: 'not created', returned: 'not brought back', updated: 'not updated', deactivated: 'not deactivated', ended: 'not ended', unchanged: 'unchanged' } as const;
/** What was planned is never worded as done: before the end it is to do, and after an end without success it was not done. */
export const actionWord = (action: keyof typeof DONE, tense: Tense) => ({ did: DONE, will: TO_DO, would: NOT_DONE })[tense][action];
export const tenseOf = (state: Schemas['State']): Tense => (state === 'succeeded' ? 'did' : isLive(state) ? 'will' : 'would');
