import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { data, useApi, type Schemas } from '../../api/client';
import { Problem } from '../../app/Problem';
import { useMay } from '../../app/role';
import { moment, number } from '../../app/words';

const removals = (plan: Schemas['Plan']) => Object.values(plan.counts).reduce((sum, each) => sum + each.deactivated + each.ended, 0);

/** The word that lets a plan happen, whole or without its removals, or that throws it away. */
export function Decide({ syncId, plan, until, rehearsal, onDecided }: { syncId: string; plan: Schemas['Plan']; until: string; rehearsal: boolean; onDecided: (accepted: Schemas['Accepted']) => void }) {
  const api = useApi();
  const [note, setNote] = useState('');
  const may = useMay()('admin');
  const decide = useMutation({
    mutationFn: (decision: Schemas['Approval']['decision']) => data(api.POST('/syncs/{syncId}/approval', { params: { path: { syncId } }, body: { decision, note } })),
    onSuccess: onDecided,
  });
  const gone = removals(plan);
  const said = rehearsal
    ? 'This is a rehearsal: nothing of it is ever written. Discard it when you have seen enough; the group is free again then.'
    : `Exactly what is shown here is applied, even if the source has changed since: ${gone ? `${number(gone)} removals among it` : 'it removes nothing'}. Without a decision until ${moment(until)} nothing is written.`;
  return (
    <Container header={<Header variant="h2" description={said}>Decide</Header>}>
      <SpaceBetween size="m">
        {decide.error && <Problem error={decide.error} />}
        <FormField label="Note" description="Kept in the audit with your name."><Input value={note} onChange={({ detail }) => setNote(detail.value)} /></FormField>
        <SpaceBetween size="xs" direction="horizontal">
          {!rehearsal && <Button variant={plan.held ? 'normal' : 'primary'} {...may} loading={decide.isPending} onClick={() => decide.mutate('approve')}>Approve</Button>}
          {!rehearsal && <Button variant={plan.held ? 'primary' : 'normal'} disabled={decide.isPending || !gone} {...may} onClick={() => decide.mutate('approveWithoutRemovals')}>Approve without removals</Button>}
          <Button disabled={decide.isPending} {...may} onClick={() => decide.mutate('discard')}>Discard</Button>
        </SpaceBetween>
      </SpaceBetween>
    </Container>
  );
}
