import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import Modal from '@cloudscape-design/components/modal';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { data, useApi, type Schemas } from '../../api/client';
import { Problem } from '../../app/Problem';
import { useMay } from '../../app/role';
import { moment, number, plural } from '../../app/words';

type Decision = Schemas['Approval']['decision'];
type Counts = Partial<Record<string, Schemas['ActionCounts']>>;

const total = (counts: Counts, ...actions: ('created' | 'updated' | 'deactivated' | 'ended')[]) =>
  Object.values(counts).reduce((sum, each) => sum + actions.reduce((of, action) => of + (each?.[action] ?? 0), 0), 0);

/** What a plan takes away, in words: people first, since they are what one is afraid for. */
export function removalsOf(counts: Counts): string[] {
  const [people, classes, enrollments] = [counts['users']?.deactivated ?? 0, counts['classes']?.deactivated ?? 0, counts['enrollments']?.ended ?? 0];
  const others = total(counts, 'deactivated', 'ended') - people - classes - enrollments;
  return [
    people && `${plural(people, 'person', 'people')} deactivated`,
    classes && `${plural(classes, 'class', 'classes')} deactivated`,
    enrollments && `${plural(enrollments, 'enrollment')} ended`,
    others && `${plural(others, 'other record')} deactivated`,
  ].filter((each): each is string => !!each);
}

const TAKEN = {
  roles: (of: number) => `${plural(of, 'record')} ${of === 1 ? 'loses' : 'lose'} a role`,
  disabled: (of: number) => `${plural(of, 'person becomes', 'people become')} inactive`,
  emptied: (of: number) => `${plural(of, 'record')} ${of === 1 ? 'loses' : 'lose'} a value`,
  relations: (of: number) => `${plural(of, 'record')} ${of === 1 ? 'loses' : 'lose'} a guardian or primary teacher`,
  memberships: (of: number) => `${plural(of, 'enrollment')} ${of === 1 ? 'moves or ends' : 'move or end'}`,
};

/** What the updates of a plan take away, in words: “Approve without removals” leaves it out too. */
export const takenOf = (taken: Schemas['Plan']['taken'] = {}): string[] =>
  (Object.keys(TAKEN) as (keyof typeof TAKEN)[]).flatMap(kind => { const of = taken[kind]; return of ? [TAKEN[kind](of)] : []; });

interface Deciding { syncId: string; plan: Schemas['Plan']; until: string; rehearsal: boolean; undo: boolean; onDecided: (accepted: Schemas['Accepted']) => void }

const TAKING: Schemas['Breach']['kind'][] = ['roles', 'moved', 'disabled', 'emptied', 'relations', 'memberships'];

/** The decision: to write a plan, to write it without its removals, or to discard it. `brief`: the buttons alone, above the rows. */
export function Decide({ syncId, plan, until, rehearsal, undo, onDecided, brief = false }: Deciding & { brief?: boolean }) {
  const api = useApi();
  const [note, setNote] = useState('');
  const [asking, setAsking] = useState<Exclude<Decision, 'discard'> | null>(null);
  const role = useMay();
  const may = role('admin');
  const discarding = role(rehearsal ? 'operator' : 'admin'); // whoever may start a rehearsal may end it
  const decide = useMutation({
    mutationFn: (decision: Decision) => data(api.POST('/syncs/{syncId}/approval', { params: { path: { syncId } }, body: { decision, note } })),
    onSuccess: accepted => { setAsking(null); onDecided(accepted); },
    onError: () => setAsking(null),
  });
  const gone = removalsOf(plan.counts);
  const removals = total(plan.counts, 'deactivated', 'ended');
  const taken = takenOf(plan.taken);
  const takes = taken.length > 0 || plan.breaches.some(each => TAKING.includes(each.kind)); // an older plan has the reasons alone
  const lost = [...gone, ...taken];
  const others = total(plan.counts, 'created', 'updated');
  const careful = plan.held && !undo && removals > 0; // an undo that consists of removals is meant so
  const what = rehearsal
    ? 'A rehearsal is never written. Discard it when you have seen enough; then the group can be synced again.'
    : `Approve writes exactly what is shown here, even if the source has changed since${lost.length ? `: ${lost.join(', ')}` : takes ? '' : '. Nothing is removed'}. If nobody decides by ${moment(until)}, nothing is written.`;
  const none = may.disabled ? may : removals || takes ? {} : { disabled: true, disabledReason: 'This sync removes nothing.' };
  const buttons = (
    <SpaceBetween size="xs" direction="horizontal">
      {!rehearsal && <Button variant={plan.held && !undo ? 'normal' : 'primary'} {...may} loading={decide.isPending} onClick={() => setAsking('approve')}>Approve</Button>}
      {!rehearsal && <Button variant={careful ? 'primary' : 'normal'} {...none} loading={decide.isPending} onClick={() => setAsking('approveWithoutRemovals')}>Approve without removals</Button>}
      <Button {...discarding} loading={decide.isPending} onClick={() => decide.mutate('discard')}>Discard</Button>
    </SpaceBetween>
  );
  return (
    <>
      <Container header={<Header variant="h2" description={what}>{brief ? 'Your decision' : 'Decide'}</Header>}>
        <SpaceBetween size="m">
          {decide.error && <Problem error={decide.error} />}
          {!brief && <FormField label="Note – optional" description="Saved in the audit with your name."><Input value={note} onChange={({ detail }) => setNote(detail.value)} /></FormField>}
          {buttons}
        </SpaceBetween>
      </Container>
      {asking && (
        <Modal visible onDismiss={() => setAsking(null)} header={asking === 'approve' ? 'Write these changes?' : 'Write these changes without the removals?'}
          footer={<Box float="right"><SpaceBetween size="xs" direction="horizontal"><Button variant="link" onClick={() => setAsking(null)}>Cancel</Button>
            <Button variant="primary" loading={decide.isPending} onClick={() => decide.mutate(asking)}>{asking === 'approve' ? (removals ? `Approve, with ${plural(removals, 'removal')}` : 'Approve') : 'Approve without removals'}</Button></SpaceBetween></Box>}>
          <SpaceBetween size="s">
            <Box>{plural(others, 'record')} will be created or updated.</Box>
            {asking === 'approve'
              ? lost.length > 0 && <><Box fontWeight="bold">What will be removed:</Box><ul>{lost.map(each => <li key={each}>{each}</li>)}</ul></>
              : !removals ? <Box>Roles, guardians, values and enrollments that would be taken away stay as they are.</Box> : <Box>{plural(removals, 'removal')} will be left out: {number(plan.counts.users?.deactivated ?? 0)} people stay active.</Box>}
          </SpaceBetween>
        </Modal>
      )}
    </>
  );
}
