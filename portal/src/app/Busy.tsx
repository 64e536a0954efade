import Alert from '@cloudscape-design/components/alert';
import Button from '@cloudscape-design/components/button';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from 'react-router';
import { data, useApi, type Schemas } from '../api/client';
import { syncQuery } from './syncQuery';
import { kindOf, moment } from './words';

const EVERY_MS = 2000;

/** A group that is being synced takes no other sync: said before a file is chosen, with the way to the one that runs, until it has ended. */
export function Busy({ group }: { group: Schemas['GroupOut'] }) {
  const api = useApi();
  const navigate = useNavigate();
  useQuery({ queryKey: ['group', group.groupId], queryFn: () => data(api.GET('/groups/{groupId}', { params: { path: { groupId: group.groupId } } })), refetchInterval: EVERY_MS, staleTime: 0 });
  const { data: sync } = useQuery({ ...syncQuery(api, group.sync?.syncId ?? ''), enabled: !!group.sync });
  if (sync?.rehearsal && sync.question) return (
    <Alert type="info" header="A rehearsal of this group is open" action={<Button onClick={() => void navigate(`/groups/${group.groupId}/syncs/${sync.syncId}/changes`)}>Open the rehearsal</Button>}>
      Started {moment(sync.startedAt)} by {sync.startedBy}. Discard it, then start the next sync here. Scheduled and dropped-file syncs wait until then, too.
    </Alert>
  );
  return (
    <Alert type="info" header="This group is being synced" action={<Button onClick={() => void navigate(`/groups/${group.groupId}/status`)}>Open the running sync</Button>}>
      {sync ? `${kindOf(sync)}, started ${moment(sync.startedAt)} by ${sync.startedBy}${sync.question ? ', waiting for an answer' : ''}. ` : ''}You can start another sync when this one has ended or was canceled.
    </Alert>
  );
}
