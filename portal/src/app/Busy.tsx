import Alert from '@cloudscape-design/components/alert';
import Button from '@cloudscape-design/components/button';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from 'react-router';
import { useApi, type Schemas } from '../api/client';
import { syncQuery } from './syncQuery';
import { kindOf, moment } from './words';

/** A group that is being synced takes no other sync: said before a file is chosen, with the way to the one that runs. */
export function Busy({ group }: { group: Schemas['GroupOut'] }) {
  const api = useApi();
  const navigate = useNavigate();
  const { data: sync } = useQuery({ ...syncQuery(api, group.sync?.syncId ?? ''), enabled: !!group.sync });
  return (
    <Alert type="info" header="This group is being synced" action={<Button onClick={() => void navigate(`/groups/${group.groupId}/status`)}>Open the running sync</Button>}>
      {sync ? `${kindOf(sync)}, started ${moment(sync.startedAt)} by ${sync.startedBy}${sync.question ? ', waits for an answer' : ''}. ` : ''}Start another one when it has ended, or cancel it.
    </Alert>
  );
}
