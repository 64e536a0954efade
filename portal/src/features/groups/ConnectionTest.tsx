import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Spinner from '@cloudscape-design/components/spinner';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { data, useApi, type Schemas } from '../../api/client';
import { readable } from '../../api/plain';
import { Problem } from '../../app/Problem';
import { asSent, type Source } from './Source';

const STEPS: Record<Schemas['ConnectionCheck']['step'], string> = {
  source: 'Source', host: 'Server', hostKey: 'Host key', signIn: 'Sign-in', file: 'Roster', version: 'Version', lists: 'Lists', schools: 'Schools',
};

/** What a sync would do first, step by step; the host's key is confirmed here. Runs once for each saved state of the group. */
export function ConnectionTest({ group, onConfirmed }: { group: Schemas['GroupOut']; onConfirmed: (saved: Schemas['GroupOut']) => void }) {
  const api = useApi();
  const queries = useQueryClient();
  const path = { groupId: group.groupId };
  const test = useQuery({
    queryKey: ['connection-test', group.groupId, group.etag],
    queryFn: () => data(api.POST('/groups/{groupId}/connection-test', { params: { path } })),
    staleTime: Infinity, retry: false, refetchOnWindowFocus: false,
  });
  const confirm = useMutation({
    mutationFn: (hostKeyFingerprint: string) => data(api.PATCH('/groups/{groupId}', {
      params: { path: path, header: { 'If-Match': group.etag } }, body: { source: { ...group.source, hostKeyFingerprint } } as Schemas['GroupPatch'],
    })),
    onSuccess: saved => { queries.setQueryData(['group', group.groupId], saved); onConfirmed(saved); },
  });
  if (test.isFetching) return <Box><Spinner /> Testing the connection to the saved source…</Box>;
  if (test.error) return <Problem error={test.error} onRetry={() => void test.refetch()} />;
  if (!test.data) return null;
  const last = test.data.steps.at(-1);
  const fingerprint = test.data.hostKeyFingerprint;
  return (
    <SpaceBetween size="s">
      <Box variant="h3">{test.data.ok ? 'The connection works' : 'The connection does not work yet'}</Box>
      <Checks test={test.data} />
      {last?.step === 'hostKey' && !last.ok && fingerprint && (
        <Alert type="warning" header="Is this the district’s server?"
          action={<Button formAction="none" loading={confirm.isPending} onClick={() => confirm.mutate(fingerprint)}>Confirm this key</Button>}>
          <Box variant="code">{fingerprint}</Box>
        </Alert>
      )}
      {confirm.error && <Problem error={confirm.error} />}
      <Button formAction="none" iconName="refresh" onClick={() => void test.refetch()}>Test again</Button>
    </SpaceBetween>
  );
}

function Checks({ test }: { test: Schemas['ConnectionTest'] }) {
  return (
    <SpaceBetween size="xs">
      {test.fromAddress && <Box>Syncs call from <Box variant="code" display="inline">{test.fromAddress}</Box>. A server that lets only known addresses in has to let this one in.</Box>}
      {test.steps.map(each => (
        <div key={each.step}><StatusIndicator type={each.ok ? 'success' : each.step === 'hostKey' ? 'warning' : 'error'}>{STEPS[each.step]}</StatusIndicator> <Box variant="span">{readable(each.message)}</Box></div>
      ))}
    </SpaceBetween>
  );
}

/** Tries what stands in the form, with the secret just typed, before anything is saved. */
export function UnsavedTest({ source }: { source: Source }) {
  const api = useApi();
  const typed = source.method !== 'zip' && !!source.credentials && !('set' in source.credentials);
  const test = useMutation({ mutationFn: () => data(api.POST('/connection-test', { body: { source: asSent(source) } })) });
  if (!typed) return null; // a stored secret is tried with what is saved alone
  return (
    <SpaceBetween size="s">
      <Button formAction="none" loading={test.isPending} onClick={() => test.mutate()}>Test without saving</Button>
      {test.error && <Problem error={test.error} />}
      {test.data && <SpaceBetween size="xs"><Box variant="h3">{test.data.ok ? 'The connection works' : 'The connection does not work yet'}</Box><Checks test={test.data} /></SpaceBetween>}
    </SpaceBetween>
  );
}
