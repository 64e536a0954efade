import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Checkbox from '@cloudscape-design/components/checkbox';
import Container from '@cloudscape-design/components/container';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Spinner from '@cloudscape-design/components/spinner';
import { keepPreviousData, useMutation, useQuery } from '@tanstack/react-query';
import { useEffect, useState, type ReactNode } from 'react';
import { data, isStatus, useApi, type Schemas } from '../../api/client';
import { Problem } from '../../app/Problem';
import { capital, number, plural } from '../../app/words';

const LATER = {
  ask: { value: 'ask', label: 'Ask' },
  include: { value: 'include', label: 'Include them' },
  exclude: { value: 'exclude', label: 'Leave them out' },
} satisfies Record<Schemas['Later'], { value: Schemas['Later']; label: string }>;
const STATUSES = ['active', 'inactive', 'deleted', 'blank'] as const;

interface Props {
  groupId: string;
  syncId: string;
  /** When the question was asked. */
  since: string;
  back: ReactNode;
  onRefused: (error: unknown) => void;
  onAnswered: (accepted: Schemas['Accepted']) => void;
}

/** `onWithoutClasses`: other schools were chosen and their classes not yet, maybe in another browser. */
export function Users({ onWithoutClasses, ...props }: Props & { onWithoutClasses: () => void }) {
  const api = useApi();
  const { data: statuses, error, refetch } = useQuery({
    queryKey: ['statuses', props.syncId],
    queryFn: () => data(api.GET('/syncs/{syncId}/statuses', { params: { path: { syncId: props.syncId } } })),
  });
  const withoutClasses = isStatus(error, 409);
  useEffect(() => { if (withoutClasses) onWithoutClasses(); }, [withoutClasses, onWithoutClasses]);
  if (error) return withoutClasses ? null : <Problem error={error} onRetry={() => void refetch()} />;
  return statuses ? <Matrix statuses={statuses} {...props} /> : <Box><Spinner /> Counting people…</Box>;
}

const FIRST = ['student', 'teacher', 'aide', 'administrator'];
const rank = (type: string) => (FIRST.includes(type) ? FIRST.indexOf(type) : FIRST.length);
const key = (cell: { status: string; userType: string }) => `${cell.status}/${cell.userType}`;

/** What is ticked, kept in this browser for whoever goes back to the classes and comes again. `off`: unticked by hand. */
interface Kept { on: string[]; off: string[]; otherMembers: boolean; guardians: boolean; removeUnselected: boolean }
const NOTHING: Kept = { on: [], off: [], otherMembers: false, guardians: false, removeUnselected: false };

function Matrix({ statuses, groupId, syncId, since, back, onAnswered, onRefused }: Props & { statuses: Schemas['Statuses'] }) {
  const api = useApi();
  const store = `chosen/${syncId}/people`;
  const [kept, setKept] = useState<Kept>(() => JSON.parse(sessionStorage.getItem(store) ?? 'null') as Kept | null ?? NOTHING);
  const keep = (changed: Partial<Kept>) => {
    const next = { ...kept, ...changed };
    sessionStorage.setItem(store, JSON.stringify(next));
    setKept(next);
  };
  const { otherMembers, guardians, removeUnselected } = kept;
  const ticked = new Set(statuses.cells.filter(cell => (cell.preset && !kept.off.includes(key(cell))) || kept.on.includes(key(cell))).map(key));
  const [saving, setSaving] = useState(false);
  const [name, setName] = useState('');
  const [schoolsLater, setSchoolsLater] = useState<Schemas['Later']>('ask');
  const [classesLater, setClassesLater] = useState<Schemas['Later']>('include');
  const cells = statuses.cells.filter(cell => ticked.has(key(cell))).map(({ status, userType }) => ({ status, userType }));
  const left = useQuery({
    queryKey: ['deselected', syncId, cells, otherMembers, guardians],
    queryFn: () => data(api.POST('/syncs/{syncId}/statuses/deselected', { params: { path: { syncId } }, body: { cells, otherMembers, guardians, removeUnselected: false, preview: false, saveAs: null, since: null } })),
    enabled: cells.length > 0,
    placeholderData: keepPreviousData,
  });
  const types = [...new Set(statuses.cells.map(cell => cell.userType))].sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
  const cellOf = new Map(statuses.cells.map(cell => [key(cell), cell]));
  const people = (cell: Schemas['StatusCell'] | undefined) => (cell ? cell.users + (otherMembers ? cell.otherMembers : 0) : 0);
  const sum = (some: (Schemas['StatusCell'] | undefined)[]) => some.reduce((total, cell) => total + (cell && ticked.has(key(cell)) ? people(cell) : 0), 0);
  const tick = (cell: Schemas['StatusCell'], on: boolean) => {
    const others = (names: string[]) => names.filter(each => each !== key(cell));
    keep(on ? { on: [...others(kept.on), key(cell)], off: others(kept.off) } : { on: others(kept.on), off: [...others(kept.off), key(cell)] });
  };
  const answer = useMutation({
    mutationFn: (preview: boolean) => data(api.POST('/syncs/{syncId}/statuses/selection', {
      params: { path: { syncId } },
      body: { cells, otherMembers, guardians, removeUnselected, preview, since, saveAs: saving && name.trim() ? { name, schoolsLater, classesLater } : null },
    })),
    onSuccess: accepted => { sessionStorage.removeItem(store); onAnswered(accepted); },
    onError: error => { if (isStatus(error, 409) || isStatus(error, 410)) onRefused(error); },
  });
  const { data: platform } = useQuery({ queryKey: ['platform', groupId, 'before'], queryFn: () => data(api.GET('/groups/{groupId}/platform', { params: { path: { groupId } } })) });
  const unready = !ticked.size ? { disabled: true, disabledReason: 'Select at least one status and user type.' } : saving && !name.trim() ? { disabled: true, disabledReason: 'Name the selection first, or clear “Save this selection”.' } : {};
  return (
    <Container header={<Header variant="h2" description="Select the people to bring in, by status and user type.">Users</Header>}>
      <SpaceBetween size="l">
        <div className="scrolls" role="region" aria-label="People by status and user type" tabIndex={0}>
          <table className="matrix">
            <caption style={{ textAlign: 'start' }}><Box variant="small">{otherMembers ? 'Members of the selected classes and schools' : 'Members of the selected classes'}</Box></caption>
            <thead><tr><th scope="col">Status</th>{types.map(type => <th scope="col" key={type}>{capital(type)}</th>)}<th scope="col">Total selected</th></tr></thead>
            <tbody>
              {STATUSES.map(status => (
                <tr key={status}>
                  <th scope="row">{capital(status)}</th>
                  {types.map(type => {
                    const cell = cellOf.get(`${status}/${type}`);
                    return <td key={type}>{cell ? <Checkbox checked={ticked.has(key(cell))} onChange={({ detail }) => tick(cell, detail.checked)} ariaLabel={`${capital(status)} ${type}`}><span className="whole">{number(people(cell))}</span></Checkbox> : '–'}</td>;
                  })}
                  <td>{number(sum(types.map(type => cellOf.get(`${status}/${type}`))))}</td>
                </tr>
              ))}
            </tbody>
            <tfoot><tr><th scope="row">Total selected</th>{types.map(type => <td key={type}>{number(sum(STATUSES.map(status => cellOf.get(`${status}/${type}`))))}</td>)}<td><b>{number(sum(statuses.cells))}</b></td></tr></tfoot>
          </table>
        </div>
        <Alert type="info" header="How we determine status">{statuses.rule}</Alert>
        <SpaceBetween size="s">
          <Checkbox checked={otherMembers} onChange={({ detail }) => keep({ otherMembers: detail.checked })} description="People of the selected schools who are in none of the selected classes.">Other members of these schools</Checkbox>
          <Checkbox checked={guardians} onChange={({ detail }) => keep({ guardians: detail.checked })} description={`Guardians, parents and relatives of the selected students (up to ${number(statuses.guardians)}).`}>Guardians</Checkbox>
          <Checkbox checked={removeUnselected} onChange={({ detail }) => keep({ removeUnselected: detail.checked })} description="Anything on the platform that is not selected now is deactivated, at other schools too. Preview the changes first.">Remove what is no longer selected</Checkbox>
        </SpaceBetween>
        {left.error && <Problem error={left.error} onRetry={() => void left.refetch()} />}
        {!!left.data?.schoolsAlongTotal && <Along names={left.data.schoolsAlong} total={left.data.schoolsAlongTotal} />}
        {left.data && platform?.syncId && <LeftOut counts={left.data.counts} remove={removeUnselected} />}
        <SpaceBetween size="s">
          <Checkbox checked={saving} onChange={({ detail }) => setSaving(detail.checked)} description="Under a name, for a schedule or for the next sync.">Save this selection</Checkbox>
          {saving && (
            <SpaceBetween size="m" direction="horizontal">
              <FormField label="Name of the selection" description="An existing name gets a new version."><Input value={name} onChange={({ detail }) => setName(detail.value)} /></FormField>
              <FormField label="When schools appear later"><Select selectedOption={LATER[schoolsLater]} options={Object.values(LATER)} onChange={({ detail }) => setSchoolsLater(detail.selectedOption.value as Schemas['Later'])} /></FormField>
              <FormField label="When classes appear later"><Select selectedOption={LATER[classesLater]} options={Object.values(LATER)} onChange={({ detail }) => setClassesLater(detail.selectedOption.value as Schemas['Later'])} /></FormField>
            </SpaceBetween>
          )}
        </SpaceBetween>
        {answer.error && <Problem error={answer.error} />}
        <SpaceBetween size="xs" direction="horizontal">
          {back}
          <Button variant="primary" {...unready} loading={answer.isPending} onClick={() => answer.mutate(false)}>Sync</Button>
          <Button {...unready} loading={answer.isPending} onClick={() => answer.mutate(true)}>Preview changes</Button>
        </SpaceBetween>
      </SpaceBetween>
    </Container>
  );
}

/** Schools that nobody selected: a selected person is a member there too, so their names come. */
function Along({ names, total }: { names: readonly string[]; total: number }) {
  return (
    <Alert type="info" header={`${plural(total, 'school')} that you didn’t select ${total === 1 ? 'comes' : 'come'} along by name`}>
      {names.join(', ')}{total > names.length && `, and ${number(total - names.length)} more`}. Someone you selected is a member there too. No classes and no other people come with {total === 1 ? 'it' : 'them'}.
    </Alert>
  );
}

const COUNTED = ['users', 'classes', 'enrollments'] as const;

/** What becomes of what was chosen before and is not chosen now, before Sync is pressed. */
function LeftOut({ counts, remove }: { counts: Schemas['Deselected']['counts']; remove: boolean }) {
  const parts = COUNTED.filter(name => counts[name]).map(name => `${number(counts[name] ?? 0)} ${name}`);
  if (!parts.length) return <Box color="text-body-secondary">Everyone on the platform is part of this selection.</Box>;
  return remove
    ? <Alert type="warning" header={`On the platform and not selected now: ${parts.join(', ')}`}>They are deactivated or ended, unless a record that stays needs them. Preview the changes to see each one.</Alert>
    : <Alert type="info" header={`On the platform and not selected now: ${parts.join(', ')}`}>They stay as they are, except for anything that has left a selected school. Select “Remove what is no longer selected” to remove them.</Alert>;
}
