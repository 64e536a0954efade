import Alert from '@cloudscape-design/components/alert';
import Button from '@cloudscape-design/components/button';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Container from '@cloudscape-design/components/container';
import Input from '@cloudscape-design/components/input';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Spinner from '@cloudscape-design/components/spinner';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { data, useApi, type Schemas } from '../../api/client';
import { ChangeTable } from '../../app/ChangeTable';
import { PlanCounts } from '../../app/PlanCounts';
import { Problem } from '../../app/Problem';
import { useMay } from '../../app/role';

/** What will happen, before it happens, and the word that lets it. */
export function Changes({ syncId, rehearsal, onAnswered }: { syncId: string; rehearsal: boolean; onAnswered: (accepted: Schemas['Accepted']) => void }) {
  const api = useApi();
  const [note, setNote] = useState('');
  const deciding = useMay()('admin');
  const { data: plan, error, refetch } = useQuery({ queryKey: ['plan', syncId], queryFn: () => data(api.GET('/syncs/{syncId}/plan', { params: { path: { syncId } } })) });
  const decide = useMutation({
    mutationFn: (decision: Schemas['Approval']['decision']) => data(api.POST('/syncs/{syncId}/approval', { params: { path: { syncId } }, body: { decision, note } })),
    onSuccess: onAnswered,
  });
  if (error) return <Problem error={error} onRetry={() => void refetch()} />;
  if (!plan) return <Spinner />;
  return (
    <SpaceBetween size="l">
      {plan.breaches.length > 0 && (
        <Alert type="warning" header="This sync is held: it would remove more than usual">
          <ul>{plan.breaches.slice(0, 20).map(breach => <li key={breach.message}>{breach.message}</li>)}</ul>
        </Alert>
      )}
      {plan.notes.map(text => <Alert key={text} type="info">{text}</Alert>)}
      <PlanCounts plan={plan} />
      <ChangeTable syncId={syncId} />
      <Container header={<Header variant="h2" description={rehearsal ? 'This is a rehearsal: nothing of it is ever written. Discard it when you have seen enough; the group is free again then.' : 'Exactly what is shown here is applied, even if the source has changed since.'}>Decide</Header>}>
        <SpaceBetween size="m">
          {decide.error && <Problem error={decide.error} />}
          <FormField label="Note (kept in the audit)"><Input value={note} onChange={({ detail }) => setNote(detail.value)} /></FormField>
          <SpaceBetween size="xs" direction="horizontal">
            {!rehearsal && <Button variant="primary" {...deciding} loading={decide.isPending} onClick={() => decide.mutate('approve')}>Approve</Button>}
            {!rehearsal && <Button disabled={decide.isPending} {...deciding} onClick={() => decide.mutate('approveWithoutRemovals')}>Approve without removals</Button>}
            <Button disabled={decide.isPending} {...deciding} onClick={() => decide.mutate('discard')}>Discard</Button>
          </SpaceBetween>
        </SpaceBetween>
      </Container>
    </SpaceBetween>
  );
}
