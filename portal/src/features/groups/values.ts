import type { Schemas } from '../../api/client';
import { fieldLabel } from '../../api/plain';
import { MANUALLY, type Schedule } from '../../app/Schedule';
import { figuresOf, guardOf, type SafetyFigures } from './Safety';
import { asSent, type Source } from './Source';

/** A group as it stands in the form. */
export interface Values {
  name: string;
  description: string;
  contactEmail: string;
  partnerId: string;
  usernameSuffix: string;
  matchWith: Schemas['GroupOut']['matchWith'];
  untitled: Schemas['GroupOut']['untitled'];
  source: Source;
  schedule: Schedule;
  safety: SafetyFigures;
  alwaysPreview: boolean;
}

export const valuesOf = (group?: Schemas['GroupOut']): Values => ({
  name: group?.name ?? '',
  description: group?.description ?? '',
  contactEmail: group?.contactEmail ?? '',
  partnerId: group?.partnerId ?? '',
  usernameSuffix: group?.usernameSuffix ?? '',
  matchWith: group?.matchWith ?? 'sourcedId',
  untitled: group?.untitled ?? 'stand-in',
  source: group?.source ?? { method: 'zip', version: 'auto' },
  schedule: group?.schedule ?? MANUALLY,
  safety: figuresOf(group),
  alwaysPreview: group?.alwaysPreview ?? false,
});

export const bodyOf = ({ safety, source, contactEmail, ...others }: Values) => ({
  ...others, contactEmail: contactEmail || null, source: asSent(source), guard: guardOf(safety), graceDays: Number(safety.graceDays), retentionDays: Number(safety.retentionDays),
});

type Part = keyof Values;
const same = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other);
export const changedParts = (now: Values, before: Values) => (Object.keys(now) as Part[]).filter(part => !same(now[part], before[part]));

/** Only what was changed is sent, so that a change of somebody else's to another field is not taken back. */
export function patchOf(now: Values, before: Values): Partial<ReturnType<typeof bodyOf>> {
  const [mine, old] = [bodyOf(now), bodyOf(before)];
  return Object.fromEntries(Object.entries(mine).filter(([name, value]) => !same(value, old[name as keyof typeof old])));
}

export const PARTS: Record<Part, string> = {
  name: 'Name', description: 'Description', contactEmail: 'Contact e-mail', partnerId: 'Partner id', usernameSuffix: 'Username suffix', matchWith: 'Match people with',
  untitled: 'Classes without titles',
  source: 'Source', schedule: 'Schedule', safety: 'Safety', alwaysPreview: 'Always ask me before writing',
};

/** Labels of what a part of the form consists of, where the API's field is called otherwise. */
const SAFETY: Record<keyof SafetyFigures, string> = {
  share: fieldLabel('guard.share'), floor: fieldLabel('guard.floor'), graceDays: fieldLabel('graceDays'), retentionDays: fieldLabel('retentionDays'),
  rollover: fieldLabel('guard.rollover'), rolloverShare: fieldLabel('guard.rolloverShare'), from: fieldLabel('guard.rollover.from'), to: fieldLabel('guard.rollover.to'),
  limits: 'Other limits', standing: 'Standing decisions', closing: 'Schools that will close', expected: 'Orgs that must be in the source', neverRemove: 'Never remove', removal: 'Removal policy',
};
const labelOf = (part: Part, name: string) => (part === 'safety' && name in SAFETY ? SAFETY[name as keyof SafetyFigures] : fieldLabel(`${part}.${name}`));

/** A part of the form in short, beside somebody else's: of what consists of several settings, those that differ. Never a secret. */
export function inShort(part: Part, values: Values, beside: Values): string {
  const value = values[part];
  const others = beside[part] as unknown as Record<string, unknown>;
  if (typeof value === 'string') return value || 'empty';
  if (typeof value === 'boolean') return value ? 'Yes' : 'No';
  const secret = /credentials|password|key|secret|token$|passphrase/i;
  return Object.entries(value)
    .filter(([name, inner]) => !same(inner, others[name]))
    .map(([name, inner]) => `${labelOf(part, name)}: ${secret.test(name) || (typeof inner === 'object' && inner) ? 'set differently' : typeof inner === 'boolean' ? (inner ? 'yes' : 'no') : String(inner ?? '') || 'empty'}`)
    .join('; ');
}

/** Somebody else's group with my changes on it: a field that I have not touched is theirs. */
export function merged(mine: Values, before: Values, theirs: Values): Values {
  const kept = Object.fromEntries(changedParts(mine, before).map(part => [part, mine[part]]));
  return { ...theirs, ...kept };
}

/** The parts that both of us have changed, each to something else. */
export const contested = (mine: Values, before: Values, theirs: Values) =>
  changedParts(mine, before).filter(part => !same(theirs[part], before[part]) && !same(theirs[part], mine[part]));
