import ContentLayout from '@cloudscape-design/components/content-layout';
import Header from '@cloudscape-design/components/header';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useParams } from 'react-router';
import { data, useApi } from '../../api/client';
import { useSay } from '../../app/messages';
import { Problem } from '../../app/Problem';
import { useTitle } from '../../app/title';
import { METHODS } from '../../app/words';
import { ZipUpload } from '../../app/ZipUpload';

export function FullSyncPage() {
  const { groupId = '' } = useParams();
  const api = useApi();
  const navigate = useNavigate();
  const say = useSay();
  const { data: group, error, refetch } = useQuery({ queryKey: ['group', groupId], queryFn: () => data(api.GET('/groups/{groupId}', { params: { path: { groupId } } })) });
  const title = `Sync all data – ${METHODS[group?.source.method ?? 'zip']}`;
  useTitle(title);
  if (error) return <Problem error={error} onRetry={() => void refetch()} />;
  return (
    <ContentLayout header={<Header variant="h1" description={`${group?.name ?? ''}: every school, class and person of the bundle, without questions.`}>{title}</Header>}>
      <ZipUpload groupId={groupId} mode="full" onStarted={() => { say('success', 'Sync started. You can leave this page and come back to it.'); void navigate(`/groups/${groupId}/status`); }} />
    </ContentLayout>
  );
}
