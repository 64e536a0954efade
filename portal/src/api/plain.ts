/** How an answer that is no success reads to a person. Pure, so that a test walks every error of the API through it. */

export interface ApiProblem {
  status: number;
  title: string;
  detail: string;
  requestId: string;
  syncId?: string | null;
  errors: { field: string; message: string; rule?: string | null; limit?: number | null }[];
}

interface Field { label: string; unit?: 'percent' | 'days' | 'records' }

/** Every field of a form by its path at the API: as it is labelled, and its unit. */
export const FIELDS: Record<string, Field> = {
  name: { label: 'Name' },
  description: { label: 'Description' },
  email: { label: 'E-mail' },
  role: { label: 'Role' },
  groups: { label: 'Groups' },
  url: { label: 'Address' },
  contactEmail: { label: 'Contact e-mail' },
  partnerId: { label: 'Partner id' },
  usernameSuffix: { label: 'Username suffix' },
  matchWith: { label: 'Match people with' },
  untitled: { label: 'Classes without titles' },
  graceDays: { label: 'Days in which somebody removed can come back', unit: 'days' },
  retentionDays: { label: 'Days for which files and history are kept', unit: 'days' },
  alwaysPreview: { label: 'Always ask me before writing' },
  'guard.share': { label: 'Hold a sync that removes more than', unit: 'percent' },
  'guard.floor': { label: 'and at least', unit: 'records' },
  'guard.rolloverShare': { label: 'Hold above, in the rollover window', unit: 'percent' },
  'guard.rollover': { label: 'Rollover window' },
  'guard.rollover.from': { label: 'First day of the rollover window' },
  'guard.rollover.to': { label: 'Last day of the rollover window' },
  'source': { label: 'Source' },
  'source.method': { label: 'Method' },
  'source.version': { label: 'OneRoster version' },
  'source.host': { label: 'Host' },
  'source.port': { label: 'Port' },
  'source.username': { label: 'User name' },
  'source.path': { label: 'Path' },
  'source.doneMarker': { label: 'Ending of the marker file' },
  'source.afterwards': { label: 'Afterwards' },
  'source.moveTo': { label: 'Folder to move them to' },
  'source.hostKeyFingerprint': { label: 'Host key' },
  'source.baseUrl': { label: 'URL' },
  'source.tokenUrl': { label: 'Token URL' },
  'source.authorization': { label: 'Authorization' },
  'source.signatureMethod': { label: 'Signature' },
  'source.scopes': { label: 'Scopes' },
  'source.maxParallel': { label: 'Parallel requests' },
  'source.pageSize': { label: 'Records per page' },
  'source.credentials': { label: 'Password, key or secret' },
  'source.credentials.password': { label: 'Password' },
  'source.credentials.privateKey': { label: 'Private key' },
  'source.credentials.passphrase': { label: 'Passphrase' },
  'source.credentials.clientId': { label: 'Client id' },
  'source.credentials.clientSecret': { label: 'Client secret' },
  'source.credentials.token': { label: 'Token' },
  'source.credentials.expiresAt': { label: 'Valid until' },
  'schedule.frequency': { label: 'How often' },
  'schedule.at': { label: 'Time of day' },
  'schedule.timeZone': { label: 'Time zone' },
  'schedule.weekday': { label: 'Day of the week' },
  'schedule.day': { label: 'Day of the month' },
  'schedule.what': { label: 'What to sync' },
  'calendar.blackouts': { label: 'Blackout dates' },
  'calendar.pause': { label: 'Pause' },
  'calendar.pause.reason': { label: 'Why' },
  'calendar.pause.until': { label: 'Until' },
  note: { label: 'Note' },
  size: { label: 'File' },
  fileName: { label: 'File' },
  uploadId: { label: 'ZIP' },
  sheetUploadId: { label: 'Sheet' },
  ids: { label: 'Selection' },
  cells: { label: 'Status and user type' },
  saveAs: { label: 'Save this selection' },
  'saveAs.name': { label: 'Name of the selection' },
  savedSelection: { label: 'What to sync' },
};

/** `calendar.blackouts.0.reason` is `calendar.blackouts`, when that is the longest that has a label. */
function fieldOf(path: string): Field {
  const whole = path.split('.').filter(part => !/^\d+$/.test(part));
  const parts = [...whole];
  for (; parts.length; parts.pop()) {
    const found = FIELDS[parts.join('.')];
    if (found) return found;
  }
  const last = whole.at(-1) ?? '';
  const spaced = last.replace(/(?<=[a-z])[A-Z]/g, letter => ` ${letter.toLowerCase()}`);
  return { label: spaced.charAt(0).toUpperCase() + spaced.slice(1) };
}

const UNITS = { percent: ' %', days: ' days', records: ' records' } as const;

/** What is wrong with one field, in its own unit: a share is typed as a percentage. */
export function fieldMessage({ field, message, rule, limit }: ApiProblem['errors'][number]): string {
  const { unit } = fieldOf(field);
  if (unit && limit != null && (rule === 'tooSmall' || rule === 'tooLarge')) {
    const shown = `${(unit === 'percent' ? limit * 100 : limit).toLocaleString(undefined, { maximumFractionDigits: 0 })}${UNITS[unit]}`;
    return rule === 'tooSmall' ? `Enter ${shown} or more.` : `Enter ${shown} or less.`;
  }
  return readable(message);
}

export const fieldLabel = (path: string) => fieldOf(path).label;

const HEADERS: Record<number, string> = {
  0: 'No connection',
  401: 'Signed out',
  403: 'You don’t have access to this',
  404: 'Not found',
  409: 'This can’t be done now',
  410: 'Too late',
  413: 'Too large',
  422: 'Please check this',
  429: 'Too many requests',
  503: 'The source did not answer',
};
export const headerOf = ({ status }: { status: number }) => HEADERS[status] ?? 'Something went wrong';

/** The whole of a problem in sentences: what to do, and each field by its label. */
export function problemSentence({ detail, errors, status, requestId }: ApiProblem): string {
  const fields = errors.filter(each => !detail.includes(fieldMessage(each))).map(each => `${fieldLabel(each.field)}: ${fieldMessage(each)}`);
  const reference = status >= 500 && requestId && !detail.includes(requestId) ? ` Reference for support: ${requestId}` : '';
  return [readable(detail), ...fields].join(' ') + reference;
}

const SYNC_ID = /\b(?:sync )?[0-9a-z]{2,32}-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)\d{3}-[0-9a-z]+\b/g;
const STATES: Record<string, string> = { running: 'running', waiting: 'waiting for somebody', queued: 'queued', succeeded: 'finished', failed: 'failed', refused: 'refused', expired: 'expired', cancelled: 'canceled', discarded: 'discarded', superseded: 'replaced by a newer one' };

/** A sentence of the API as people say it: a sync by its moment, numbers rounded, no marks of code. */
export function readable(text: string): string {
  const support = /\bname ([\w-]+) to support/.exec(text)?.[1];
  const plain = text
    .replace(/;? ?(if it (?:stays so|happens again), )?name [\w-]+ to support/g, '')
    .replace(SYNC_ID, (_, year, month, day, hour, minute, second) => `the sync of ${moment(new Date(Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second))))}`)
    .replace(/\bgroup [0-9a-f]{12}\b/g, 'this group')
    .replace(/`([^`]*)`/g, (_, word: string) => FIELDS[`source.${word}`]?.label ?? FIELDS[`source.credentials.${word}`]?.label ?? `“${word}”`)
    .replace(/\b([Cc])ancelled\b/g, '$1anceled')
    .replace(/\d+\.\d{3,}/g, value => Number(value).toLocaleString(undefined, { maximumFractionDigits: 1 }))
    .replace(/; it is (\w+)\b/g, (_, state: string) => `; it is ${STATES[state] ?? state}`)
    .trim();
  const once = [...new Set(plain.split(/(?<=[.!?])\s+(?=[A-Z“])/))].join(' '); // nothing is said twice
  return support ? `${once} Reference for support: ${support}` : once;
}

export const moment = (at: Date) => at.toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });
