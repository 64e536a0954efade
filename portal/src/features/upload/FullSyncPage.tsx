import ContentLayout from '@cloudscape-design/components/content-layout';
import Checkbox from '@cloudscape-design/components/checkbox';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useNavigate, useParams } from 'react-router';
import { data, useApi, whole } from '../../api/client';
import { Busy } from '../../app/Busy';
import { useSay } from '../../app/messages';
import { Problem } from '../../app/Problem';
import { useTitle } from '../../app/title';
import { METHODS } from '../../app/words';
import { SourceStart } from '../../app/SourceStart';

export function FullSyncPage() {
  const { groupId = '' } = useParams();
  const api = useApi();
  const navigate = useNavigate();
  const say = useSay();
  const { data: group, error, refetch } = useQuery({ queryKey: ['group', groupId], queryFn: () => data(api.GET('/groups/{groupId}', { params: { path: { groupId } } })) });
  const title = `Sync all data – ${METHODS[group?.source.method ?? 'zip']}`;
  useTitle(title);
  const { data: saved } = useQuery({ queryKey: ['selections', groupId], queryFn: () => whole(query => api.GET('/groups/{groupId}/selections', { params: { path: { groupId }, query } })) });
  const options = [{ value: '', label: 'Everything' }, ...(saved?.items ?? []).map(each => ({ value: each.name, label: each.name }))];
  const [what, setWhat] = useState<string | null>(null);
  const [preview, setPreview] = useState(false);
  if (error) return <Problem error={error} onRetry={() => void refetch()} />;
  return (
    <ContentLayout header={<Header variant="h1" description={`${group?.name ?? ''}: every school, class and person in the source, without choosing.`}>{title}</Header>}>
      <SpaceBetween size="l">
        {!!saved?.items.length && (
          <Container header={<Header variant="h2" description="Everything, or a saved selection.">What to sync</Header>}>
            <Select ariaLabel="What to sync" selectedOption={options.find(each => each.value === (what ?? '')) ?? null} options={options} onChange={({ detail }) => setWhat(detail.selectedOption.value || null)} />
          </Container>
        )}
        {group?.sync && <Busy group={group} />}
        {group && !group.sync && (
          <SourceStart group={group} mode="full" savedSelection={what} preview={preview} onStarted={started => { say('success', 'Sync started. You can leave this page and come back to it.', started.syncId); void navigate(`/groups/${groupId}/status`); }}>
            <Checkbox checked={preview || group.alwaysPreview} disabled={group.alwaysPreview} onChange={({ detail }) => setPreview(detail.checked)}
              description={group.alwaysPreview ? 'This group is set to “Always ask me before writing”.' : 'See every change and decide before anything is written.'}>Preview changes first</Checkbox>
          </SourceStart>
        )}
      </SpaceBetween>
    </ContentLayout>
  );
}
