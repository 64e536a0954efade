/** How the stored words read on a page. */
import type { StatusIndicatorProps } from '@cloudscape-design/components/status-indicator';
import type { Schemas } from '../api/client';

export const METHODS = { zip: 'ZIP', sftp: 'SFTP', rest: 'API' } as const;

export const STATES: Record<Schemas['State'], { label: string; type: StatusIndicatorProps.Type }> = {
  queued: { label: 'Queued', type: 'pending' },
  running: { label: 'Running', type: 'in-progress' },
  waiting: { label: 'Waiting for you', type: 'info' },
  succeeded: { label: 'Succeeded', type: 'success' },
  failed: { label: 'Failed', type: 'error' },
  refused: { label: 'Refused', type: 'error' },
  expired: { label: 'Expired', type: 'stopped' },
  cancelled: { label: 'Cancelled', type: 'stopped' },
  discarded: { label: 'Discarded', type: 'stopped' },
  superseded: { label: 'Superseded', type: 'stopped' },
};

export const MODES: Record<Schemas['Mode'], string> = { full: 'All data', selective: 'Selective', undo: 'Undo' };

export const STEPS: Record<Schemas['Step'], string> = {
  fetch: 'Fetch the roster',
  open: 'Open the bundle',
  stage: 'Read and check the rows',
  plan: 'Work out the changes',
  apply: 'Write the changes',
  commit: 'Commit',
  report: 'Write the report',
};

/** How far a step is: rows as they are, bytes in MB, pages as pages. */
const UNITS: Record<Schemas['Unit'], string> = { rows: ' rows', bytes: ' MB', pages: ' pages' };
export const amount = ({ done, total, unit }: Schemas['Progress']) => {
  if (!total) return 'working';
  const told = (value: number) => (unit === 'bytes' ? (value / 1_000_000).toLocaleString(undefined, { maximumFractionDigits: 1 }) : number(value));
  return `${told(done)} of ${told(total)}${UNITS[unit]}`;
};

export const isLive = (state: Schemas['State']) => ['queued', 'running', 'waiting'].includes(state);
export const number = (value: number) => value.toLocaleString();
export const moment = (value: string | null | undefined) =>
  value ? new Date(value).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' }) : '–';
export const ENTITIES = { orgs: 'Orgs', academicSessions: 'Academic sessions', courses: 'Courses', classes: 'Classes', users: 'Users', enrollments: 'Enrollments' } as const;
export const entityName = (entity: string) => (entity in ENTITIES ? ENTITIES[entity as keyof typeof ENTITIES] : capital(entity));
/** A word of OneRoster's as a label: siteAdministrator is Site administrator. */
export const capital = (word: string) => {
  const spaced = word.replace(/(?<=[a-z])[A-Z]/g, letter => ` ${letter.toLowerCase()}`);
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
};
/** Seconds as people say them: 0.4 s, 12 s, 3 min, 2 h 5 min. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 10) return `${Math.max(0, seconds).toLocaleString(undefined, { maximumFractionDigits: 1 })} s`;
  if (whole < 120) return `${number(whole)} s`;
  const minutes = Math.round(whole / 60);
  return minutes < 120 ? `${number(minutes)} min` : `${number(Math.floor(minutes / 60))} h ${number(minutes % 60)} min`;
}
