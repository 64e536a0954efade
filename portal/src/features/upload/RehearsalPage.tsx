import Alert from '@cloudscape-design/components/alert';
import ContentLayout from '@cloudscape-design/components/content-layout';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useParams } from 'react-router';
import { data, useApi } from '../../api/client';
import { Busy } from '../../app/Busy';
import { GroupNav } from '../../app/GroupNav';
import { useSay } from '../../app/messages';
import { SourceStart } from '../../app/SourceStart';
import { useTitle } from '../../app/title';

/** Next year's data tried before it counts. */
export function RehearsalPage() {
  const { groupId = '' } = useParams();
  const api = useApi();
  const navigate = useNavigate();
  const say = useSay();
  useTitle('Rehearsal');
  const { data: group } = useQuery({ queryKey: ['group', groupId], queryFn: () => data(api.GET('/groups/{groupId}', { params: { path: { groupId } } })) });
  if (!group) return null;
  return (
    <ContentLayout header={<Header variant="h1" description={group.name}>Rehearsal</Header>}>
      <SpaceBetween size="l">
        <GroupNav groupId={groupId} />
        <Alert type="info">Try next year’s data and see what it would change, at the rollover window’s limit. A rehearsal is never written; when you have seen enough, you discard it. Until then, scheduled and dropped-file syncs of this group wait.</Alert>
        {group.sync ? <Busy group={group} /> : <SourceStart group={group} mode="full" rehearsal onStarted={started => { say('success', 'Rehearsal started. You will see its changes here.', started.syncId); void navigate(`/groups/${groupId}/syncs/${started.syncId}/changes`); }} />}
      </SpaceBetween>
    </ContentLayout>
  );
}
