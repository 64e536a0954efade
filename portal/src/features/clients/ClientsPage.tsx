import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import ContentLayout from '@cloudscape-design/components/content-layout';
import Header from '@cloudscape-design/components/header';
import Modal from '@cloudscape-design/components/modal';
import SpaceBetween from '@cloudscape-design/components/space-between';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useParams } from 'react-router';
import { data, sentence, useApi, type Schemas } from '../../api/client';
import { GroupNav } from '../../app/GroupNav';
import { useSay } from '../../app/messages';
import { Problem } from '../../app/Problem';
import { StackedTable } from '../../app/stacked';
import { useTitle } from '../../app/title';
import { moment, number } from '../../app/words';
import { CreateClient } from './CreateClient';
import { readsRoster, runsSyncs } from './scopes';
import { Secret } from './Secret';
import { Webhooks } from './Webhooks';

type Client = Schemas['ClientOut'];

/** Applications that read this group's roster or run its syncs: made here, with a secret that is shown once, and revoked here. */
export function ClientsPage() {
  const { groupId = '' } = useParams();
  const api = useApi();
  useTitle('Applications');
  const [creating, setCreating] = useState(false);
  const [shown, setShown] = useState<Client>();
  const [asked, setAsked] = useState<{ client: Client; what: 'revoke' | 'newSecret' }>();
  const params = { path: { groupId } };
  const group = useQuery({ queryKey: ['group', groupId], queryFn: () => data(api.GET('/groups/{groupId}', { params })) });
  const { data: page, error, isPending, refetch } = useQuery({
    queryKey: ['clients', groupId],
    queryFn: () => data(api.GET('/groups/{groupId}/clients', { params })),
  });
  return (
    <ContentLayout header={<Header variant="h1" description={group.data?.name}>Applications</Header>}>
      <SpaceBetween size="l">
        <GroupNav groupId={groupId} />
        {error && !page ? <Problem error={error} onRetry={() => void refetch()} /> : (
          <StackedTable
            items={page?.items ?? []} trackBy="clientId" wrapLines loading={isPending} loadingText="Loading applications"
            header={<Header variant="h2" counter={page && `(${page.total})`} description="Applications that read this group’s roster by OneRoster 1.1 or 1.2, and scripts that run its syncs."
              actions={<Button variant="primary" onClick={() => setCreating(true)}>Add application</Button>}>Applications</Header>}
            columnDefinitions={[
              { id: 'name', header: 'Name', isRowHeader: true, minWidth: 140, cell: each => each.name },
              { id: 'state', header: 'Access', minWidth: 150, cell: each => <Access client={each} /> },
              { id: 'sees', header: 'May do', minWidth: 180, cell: allowed },
              { id: 'read', header: 'Last used', minWidth: 150, cell: each => (each.lastReadAt ? moment(each.lastReadAt) : 'Never') },
              { id: 'secret', header: 'Secret from', minWidth: 150, cell: each => moment(each.secretChangedAt) },
              { id: 'do', header: 'Actions', minWidth: 200, cell: each => !each.revokedAt && (
                <SpaceBetween size="xs" direction="horizontal">
                  <Button ariaLabel={`New secret for ${each.name}`} onClick={() => setAsked({ client: each, what: 'newSecret' })}>New secret</Button>
                  <Button ariaLabel={`Revoke ${each.name}`} onClick={() => setAsked({ client: each, what: 'revoke' })}>Revoke</Button>
                </SpaceBetween>
              ) },
            ]}
            empty={<Box textAlign="center" padding="l"><SpaceBetween size="s">No application has access to this group yet.<Button onClick={() => setCreating(true)}>Add application</Button></SpaceBetween></Box>}
          />
        )}
        <Webhooks groupId={groupId} />
      </SpaceBetween>
      {creating && <CreateClient groupId={groupId} onClose={() => setCreating(false)} onCreated={client => { setCreating(false); setShown(client); }} />}
      {shown && <Secret client={shown} onClose={() => setShown(undefined)} />}
      {asked && <Confirm groupId={groupId} {...asked} onClose={() => setAsked(undefined)} onNewSecret={client => { setAsked(undefined); setShown(client); }} />}
    </ContentLayout>
  );
}

function Access({ client }: { client: Client }) {
  if (client.revokedAt) return <StatusIndicator type="stopped">Revoked {moment(client.revokedAt)}</StatusIndicator>;
  if (!client.expiresAt) return <StatusIndicator type="success">In use</StatusIndicator>;
  return new Date(client.expiresAt) < new Date()
    ? <StatusIndicator type="stopped">Ended {moment(client.expiresAt)}</StatusIndicator>
    : <StatusIndicator type="success">In use until {moment(client.expiresAt)}</StatusIndicator>;
}

function allowed(client: Client): string {
  if (!runsSyncs(client)) return seen(client);
  return readsRoster(client) ? `Runs syncs; sees ${seen(client).toLowerCase()}` : 'Runs syncs';
}

function seen(client: Client): string {
  const schools = client.schools ? `${number(client.schools.length)} ${client.schools.length === 1 ? 'school' : 'schools'}` : 'All schools';
  return client.fields ? `${schools}, without contact details` : schools;
}

function Confirm({ groupId, client, what, onClose, onNewSecret }: { groupId: string; client: Client; what: 'revoke' | 'newSecret'; onClose: () => void; onNewSecret: (client: Client) => void }) {
  const api = useApi();
  const say = useSay();
  const queries = useQueryClient();
  const params = { path: { groupId, clientId: client.clientId } };
  const done = () => void queries.invalidateQueries({ queryKey: ['clients', groupId] });
  const act = useMutation({
    mutationFn: () => (what === 'revoke'
      ? data(api.DELETE('/groups/{groupId}/clients/{clientId}', { params }))
      : data(api.POST('/groups/{groupId}/clients/{clientId}/secret', { params }))),
    onSuccess: changed => {
      done();
      if (what === 'newSecret') {
        onNewSecret(changed);
        return;
      }
      say('success', `${client.name} no longer has access to this group.`);
      onClose();
    },
  });
  const [header, sentences, button] = what === 'revoke'
    ? [`Revoke ${client.name}?`, 'It will no longer have access to this group. This can’t be undone; you would have to add the application again.', 'Revoke']
    : [`New secret for ${client.name}?`, 'The secret it uses now stops working immediately. The new one is shown to you once.', 'Make a new secret'];
  return (
    <Modal visible onDismiss={onClose} header={header}
      footer={<Box float="right"><SpaceBetween size="xs" direction="horizontal"><Button variant="link" onClick={onClose}>Cancel</Button>
        <Button variant="primary" loading={act.isPending} onClick={() => act.mutate()}>{button}</Button></SpaceBetween></Box>}>
      <SpaceBetween size="m">
        <Box>{sentences}</Box>
        {act.error && <Alert type="error">{sentence(act.error)}</Alert>}
      </SpaceBetween>
    </Modal>
  );
}
