import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import ColumnLayout from '@cloudscape-design/components/column-layout';
import Container from '@cloudscape-design/components/container';
import DatePicker from '@cloudscape-design/components/date-picker';
import ExpandableSection from '@cloudscape-design/components/expandable-section';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Textarea from '@cloudscape-design/components/textarea';
import Toggle from '@cloudscape-design/components/toggle';
import type { Schemas } from '../../api/client';

/** The figures as typed: percentages and days as text, dates as YYYY-MM-DD, empty while the window is off. */
export interface SafetyFigures {
  share: string;
  floor: string;
  graceDays: string;
  retentionDays: string;
  rollover: boolean;
  rolloverShare: string;
  from: string;
  to: string;
  limits: Record<Limited, { share: string; floor: string }>;
  standing: Record<Decided, Standing>;
  closing: string;
  expected: string;
  neverRemove: boolean;
  removal: Record<Removed, Record<Cause, Removal>>;
}

type Limited = Exclude<NonNullable<Schemas['Breach']['kind']>, 'removals' | 'empty' | 'renumbered' | 'undone' | 'ambiguous' | 'spared'>;
type Decided = 'removals' | 'roles' | 'disabled' | 'emptied' | 'relations' | 'memberships';
type Standing = 'ask' | 'keep' | 'letGo';

/** The engine's own figures (percent, records), in the order in which they are shown. */
const LIMITS: Record<Limited, { label: string; share: number; floor: number }> = {
  drain: { label: 'People, classes or enrollments that go over 30 days, in several syncs', share: 10, floor: 10 },
  rights: { label: 'People who would get staff access', share: 0, floor: 3 },
  recycled: { label: 'People who would get the account of someone who left', share: 0, floor: 1 },
  doubles: { label: 'New people, classes or enrollments that look like some already there', share: 5, floor: 5 },
  newcomers: { label: 'New people, compared with those already there', share: 100, floor: 50 },
  guardians: { label: 'Students who get guardians they don’t have now', share: 20, floor: 10 },
  grades: { label: 'Students whose grade changes, but not to the next grade', share: 25, floor: 10 },
  replaced: { label: 'People both of whose names change', share: 5, floor: 5 },
  identity: { label: 'People whose name, username, e-mail or identifier changes', share: 50, floor: 10 },
  emptied: { label: 'People or classes that lose the value of a field', share: 20, floor: 10 },
  relations: { label: 'Students who lose guardians, classes that lose their primary teacher', share: 10, floor: 10 },
  roles: { label: 'People who lose a role', share: 10, floor: 10 },
  moved: { label: 'People who move to another school', share: 25, floor: 10 },
  disabled: { label: 'People who become inactive', share: 10, floor: 10 },
  enabled: { label: 'Inactive people who become active again', share: 5, floor: 10 },
  memberships: { label: 'Enrollments that move to another class or person, or end', share: 10, floor: 10 },
  classes: { label: 'Classes that change their course, school, type or title', share: 20, floor: 5 },
  sessions: { label: 'Academic sessions that move by more than a month', share: 25, floor: 1 },
  view: { label: 'Schools or districts that are missing or change parent', share: 0, floor: 1 },
  damaged: { label: 'Ids that look damaged', share: 0, floor: 3 },
  errors: { label: 'Rows of a file that are left out because of errors', share: 50, floor: 10 },
};
const LIMITED = Object.keys(LIMITS) as Limited[];
const DECIDED: Record<Decided, string> = {
  removals: 'Removals', emptied: 'Emptied fields', relations: 'Guardians and primary teachers', roles: 'Ended roles',
  disabled: 'People who become inactive', memberships: 'Moved enrollments',
};
type Removed = 'users' | 'classes' | 'enrollments' | 'courses' | 'academicSessions' | 'orgs';
type Cause = 'leftSource' | 'statusDeleted' | 'notChosen' | 'roleEnded';
/** What becomes of a record that would be removed; `own`: purged after days of its own. */
interface Removal { then: 'let' | 'purge' | 'own' | 'never' | 'keep'; days: string }
const REMOVED: Record<Removed, string> = {
  users: 'People who', classes: 'Classes that', enrollments: 'Enrollments that', courses: 'Courses that',
  academicSessions: 'Academic sessions that', orgs: 'Schools and other orgs that',
};
const ENTITIES = Object.keys(REMOVED) as Removed[];
const CAUSES: Record<Cause, string> = {
  leftSource: 'left the source', statusDeleted: 'are marked deleted', notChosen: 'are no longer selected',
  roleEnded: 'have no role any more, as each has ended',
};
const causesOf = (entity: Removed) => (Object.keys(CAUSES) as Cause[]).filter(cause => cause !== 'roleEnded' || entity === 'users');
const THEN = [
  { value: 'purge', label: 'Deactivate, and purge after the days above' }, { value: 'own', label: 'Deactivate, and purge after …' },
  { value: 'never', label: 'Deactivate, and never purge' }, { value: 'keep', label: 'Keep' },
] as const;
const THEN_ROLE = [{ value: 'let', label: 'Let roles end, keep the person' }, { value: 'keep', label: 'Keep the person and the roles' }, ...THEN.slice(0, 3)] as const;

function removalOf(guard: Schemas['GuardFigures'] | undefined, entity: Removed, cause: Cause): Removal {
  const days = guard?.purge[entity]?.[cause];
  if (guard?.keep[entity]?.includes(cause)) return { then: 'keep', days: '' };
  if (cause === 'roleEnded' && !guard?.deactivateEnded) return { then: 'let', days: '' };
  return days === undefined ? { then: 'purge', days: '' } : { then: days ? 'own' : 'never', days: days ? String(days) : '' };
}
const STANDING = [
  { value: 'ask', label: 'Ask above the limit' }, { value: 'keep', label: 'Always keep' }, { value: 'letGo', label: 'Remove without asking' },
] as const;

/** As the API has it: what is kept, and what is purged after other days than the group's; 0 is never. */
function removalPolicy(removal: SafetyFigures['removal']): Pick<Schemas['GuardFigures'], 'keep' | 'purge' | 'deactivateEnded'> {
  const keep: Schemas['GuardFigures']['keep'] = {};
  const purge: Schemas['GuardFigures']['purge'] = {};
  for (const entity of ENTITIES) {
    for (const cause of causesOf(entity)) {
      const { then, days } = removal[entity][cause];
      if (then === 'keep') keep[entity] = [...keep[entity] ?? [], cause];
      if (then === 'own' || then === 'never') purge[entity] = { ...purge[entity], [cause]: then === 'never' ? 0 : Number(days) };
    }
  }
  return { keep, purge, deactivateEnded: !['let', 'keep'].includes(removal.users.roleEnded.then) };
}

export const figuresOf = (group?: Schemas['GroupOut']): SafetyFigures => ({
  share: String(Math.round((group?.guard.share ?? 0.1) * 100)),
  floor: String(group?.guard.floor ?? 10),
  graceDays: String(group?.graceDays ?? 30),
  retentionDays: String(group?.retentionDays ?? 30),
  rollover: !!group?.guard.rollover,
  rolloverShare: String(Math.round((group?.guard.rolloverShare ?? 0.5) * 100)),
  from: group?.guard.rollover?.from ?? '',
  to: group?.guard.rollover?.to ?? '',
  limits: Object.fromEntries(LIMITED.map(kind => {
    const own = group?.guard.limits[kind];
    return [kind, { share: String(own ? Math.round(own.share * 1000) / 10 : LIMITS[kind].share), floor: String(own?.floor ?? LIMITS[kind].floor) }];
  })) as SafetyFigures['limits'],
  standing: Object.fromEntries((Object.keys(DECIDED) as Decided[]).map(kind => [kind, group?.guard.standing[kind] ?? 'ask'])) as SafetyFigures['standing'],
  closing: (group?.guard.closing ?? []).join('\n'),
  expected: (group?.guard.expected ?? []).join('\n'),
  neverRemove: group?.guard.neverRemove ?? false,
  removal: Object.fromEntries(ENTITIES.map(entity =>
    [entity, Object.fromEntries(causesOf(entity).map(cause => [cause, removalOf(group?.guard, entity, cause)]))])) as SafetyFigures['removal'],
});

const idsOf = (lines: string) => lines.split('\n').map(id => id.trim()).filter(Boolean);

export const guardOf = (figures: SafetyFigures): Schemas['GuardFigures'] => ({
  share: Number(figures.share) / 100,
  floor: Number(figures.floor),
  rolloverShare: Number(figures.rolloverShare) / 100,
  rollover: figures.rollover ? { from: figures.from, to: figures.to } : null,
  limits: Object.fromEntries(LIMITED
    .filter(kind => Number(figures.limits[kind].share) !== LIMITS[kind].share || Number(figures.limits[kind].floor) !== LIMITS[kind].floor)
    .map(kind => [kind, { share: Number(figures.limits[kind].share) / 100, floor: Number(figures.limits[kind].floor) }])),
  standing: Object.fromEntries(Object.entries(figures.standing).filter(([, said]) => said !== 'ask')),
  closing: idsOf(figures.closing),
  expected: idsOf(figures.expected),
  neverRemove: figures.neverRemove,
  ...removalPolicy(figures.removal),
});

/** When a sync waits for approval, and for how long a removal can be taken back. */
export function Safety({ figures, onChange, wrong, contact, alwaysPreview, onAlways }: { alwaysPreview: boolean; onAlways: (next: boolean) => void; figures: SafetyFigures; onChange: (next: SafetyFigures) => void; wrong: (field: string) => string | undefined; contact: string }) {
  const set = (next: Partial<SafetyFigures>) => onChange({ ...figures, ...next });
  const typed = (name: 'share' | 'floor' | 'graceDays' | 'retentionDays' | 'rolloverShare') => (
    <Input type="number" inputMode="numeric" value={figures[name]} onChange={({ detail }) => set({ [name]: detail.value })} />
  );
  return (
    <Container header={<Header variant="h2" description={`Syncs over this limit need an administrator’s approval${contact ? `; ${contact} is notified` : ''}.`}>Safety</Header>}>
      <SpaceBetween size="m">
        {!contact && <Alert type="info">Add a contact e-mail above to be notified of held syncs.</Alert>}
        <ColumnLayout columns={3}>
          <FormField label="Hold a sync that removes more than (%)" description="At one school: of its people (and of each user type), classes or enrollments." errorText={wrong('guard.share')}>{typed('share')}</FormField>
          <FormField label="and at least (records)" description="So that a small school isn’t held because of two people." errorText={wrong('guard.floor')}>{typed('floor')}</FormField>
          <FormField label="Days in which somebody removed can come back" description="With the same platform id and enrollments. After that, the record is purged." errorText={wrong('graceDays')}>{typed('graceDays')}</FormField>
          <FormField label="Days for which files, logs and history are kept" description="After that, they are deleted for good. What an undo needs is kept as long as someone removed can come back, and the last successful sync is always kept." errorText={wrong('retentionDays')}>{typed('retentionDays')}</FormField>
        </ColumnLayout>
        <Toggle checked={alwaysPreview} onChange={({ detail }) => onAlways(detail.checked)} description="Every sync that would change anything waits until an administrator has seen the changes, whoever or whatever started it.">Always ask me before writing</Toggle>
        <Toggle checked={figures.rollover} onChange={({ detail }) => set({ rollover: detail.checked })} description="The days when a new school year starts and many people and classes leave.">Rollover window</Toggle>
        {figures.rollover && (
          <ColumnLayout columns={3}>
            <FormField label="First day" errorText={wrong('guard.rollover')}><DatePicker value={figures.from} onChange={({ detail }) => set({ from: detail.value })} placeholder="YYYY/MM/DD" i18nStrings={{ openCalendarAriaLabel: () => 'Choose the first day' }} /></FormField>
            <FormField label="Last day"><DatePicker value={figures.to} onChange={({ detail }) => set({ to: detail.value })} placeholder="YYYY/MM/DD" i18nStrings={{ openCalendarAriaLabel: () => 'Choose the last day' }} /></FormField>
            <FormField label="Hold above (%) in this window" errorText={wrong('guard.rolloverShare')}>{typed('rolloverShare')}</FormField>
          </ColumnLayout>
        )}
        <ExpandableSection headerText="Other limits" headerDescription="Everything else that holds a sync, measured at each school and for each user type.">
          <SpaceBetween size="s">
            {LIMITED.map(kind => (
              <ColumnLayout key={kind} columns={3}>
                <Box padding={{ top: 'xs' }}>{LIMITS[kind].label}</Box>
                <FormField label="More than (%)" errorText={wrong(`guard.limits.${kind}.share`)}>
                  <Input ariaLabel={`${LIMITS[kind].label}: more than, in percent`} type="number" inputMode="numeric" value={figures.limits[kind].share}
                    onChange={({ detail }) => set({ limits: { ...figures.limits, [kind]: { ...figures.limits[kind], share: detail.value } } })} />
                </FormField>
                <FormField label="and at least" errorText={wrong(`guard.limits.${kind}.floor`)}>
                  <Input ariaLabel={`${LIMITS[kind].label}: at least so many`} type="number" inputMode="numeric" value={figures.limits[kind].floor}
                    onChange={({ detail }) => set({ limits: { ...figures.limits, [kind]: { ...figures.limits[kind], floor: detail.value } } })} />
                </FormField>
              </ColumnLayout>
            ))}
          </SpaceBetween>
        </ExpandableSection>
        <ExpandableSection headerText="Standing decisions" headerDescription="Decide once: always keep what a sync would take away, or remove it without asking.">
          <ColumnLayout columns={3}>
            {(Object.keys(DECIDED) as Decided[]).map(kind => (
              <FormField key={kind} label={DECIDED[kind]}>
                <Select selectedOption={STANDING.find(each => each.value === figures.standing[kind]) ?? STANDING[0]} options={STANDING}
                  onChange={({ detail }) => set({ standing: { ...figures.standing, [kind]: detail.selectedOption.value as Standing } })} />
              </FormField>
            ))}
          </ColumnLayout>
        </ExpandableSection>
        <Toggle checked={figures.neverRemove} onChange={({ detail }) => set({ neverRemove: detail.checked })} description="Nothing is deactivated or ended, and no value is removed, whatever the source says.">Never remove</Toggle>
        {!figures.neverRemove && (
          <ExpandableSection headerText="Removal policy" headerDescription="What happens to records, by the reason they would be removed. To purge is to delete for good; the audit keeps an entry.">
            <ColumnLayout columns={3}>
              {ENTITIES.flatMap(entity => causesOf(entity).map(cause => {
                const removal = figures.removal[entity][cause];
                const put = (next: Partial<Removal>) => set({ removal: { ...figures.removal, [entity]: { ...figures.removal[entity], [cause]: { ...removal, ...next } } } });
                const options = cause === 'roleEnded' ? THEN_ROLE : THEN;
                return (
                  <FormField key={`${entity} ${cause}`} label={`${REMOVED[entity]} ${CAUSES[cause]}`} errorText={wrong(`guard.purge.${entity}.${cause}`)}>
                    <Select selectedOption={options.find(each => each.value === removal.then) ?? options[0]} options={options}
                      onChange={({ detail }) => put({ then: detail.selectedOption.value as Removal['then'], days: removal.days || '90' })} />
                    {removal.then === 'own' && (
                      <Input ariaLabel={`${REMOVED[entity]} ${CAUSES[cause]}: days until they are purged`} type="number" inputMode="numeric" value={removal.days}
                        onChange={({ detail }) => put({ days: detail.value })} />
                    )}
                  </FormField>
                );
              }))}
            </ColumnLayout>
          </ExpandableSection>
        )}
        <FormField label="Schools that will close" description="Their sourcedIds, one per line. Removals at these schools don’t hold a sync." errorText={wrong('guard.closing')}>
          <Textarea value={figures.closing} rows={2} onChange={({ detail }) => set({ closing: detail.value })} />
        </FormField>
        <FormField label="Orgs that must be in the source – optional" description="The sourcedIds of schools or districts, one per line. A sync without one of them is held, even the first." errorText={wrong('guard.expected')}>
          <Textarea value={figures.expected} rows={2} onChange={({ detail }) => set({ expected: detail.value })} />
        </FormField>
      </SpaceBetween>
    </Container>
  );
}
