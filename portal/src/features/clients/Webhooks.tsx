import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Checkbox from '@cloudscape-design/components/checkbox';
import CopyToClipboard from '@cloudscape-design/components/copy-to-clipboard';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import Modal from '@cloudscape-design/components/modal';
import SpaceBetween from '@cloudscape-design/components/space-between';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { data, fieldError, useApi, type Schemas } from '../../api/client';
import { useSay } from '../../app/messages';
import { Problem } from '../../app/Problem';
import { StackedTable } from '../../app/stacked';
import { moment } from '../../app/words';

type Webhook = Schemas['WebhookOut'];
type EventType = Webhook['events'][number];
const EVENTS: Record<EventType, string> = {
  'sync.held': 'A sync is held', 'sync.finished': 'A sync has ended', 'sync.failed': 'A sync has failed', 'roster.changed': 'The roster has changed',
};
const KINDS = Object.keys(EVENTS) as EventType[];

/** Addresses that get a group's messages: added here with a secret that is shown once, tested, and their log. */
export function Webhooks({ groupId }: { groupId: string }) {
  const api = useApi();
  const queries = useQueryClient();
  const say = useSay();
  const [adding, setAdding] = useState(false);
  const [looked, setLooked] = useState<Webhook>();
  const [removing, setRemoving] = useState<Webhook>();
  const [renewing, setRenewing] = useState<Webhook>();
  const params = { path: { groupId } };
  const { data: page, error, isPending, refetch } = useQuery({
    queryKey: ['webhooks', groupId],
    queryFn: () => data(api.GET('/groups/{groupId}/webhooks', { params })),
  });
  const again = () => void queries.invalidateQueries({ queryKey: ['webhooks', groupId] });
  const of = (each: Webhook) => ({ params: { path: { groupId, webhookId: each.webhookId } } });
  const test = useMutation({
    mutationFn: (each: Webhook) => data(api.POST('/groups/{groupId}/webhooks/{webhookId}/test', of(each))),
    onSuccess: (said, each) => {
      say('success', said.message);
      setLooked(each);
      void queries.invalidateQueries({ queryKey: ['deliveries', groupId, each.webhookId] }); // it may be open
    },
  });
  const turn = useMutation({
    mutationFn: (each: Webhook) => data(api.PATCH('/groups/{groupId}/webhooks/{webhookId}', { ...of(each), body: { enabled: !!each.disabledAt } })),
    onSuccess: again,
  });
  const remove = useMutation({
    mutationFn: (each: Webhook) => data(api.DELETE('/groups/{groupId}/webhooks/{webhookId}', of(each))),
    onSuccess: said => { say('success', said.message); setLooked(undefined); again(); },
    onSettled: () => setRemoving(undefined),
  });
  const renew = useMutation({
    mutationFn: (each: Webhook) => data(api.POST('/groups/{groupId}/webhooks/{webhookId}/secret', of(each))),
    onSuccess: again,
  });
  const trouble = test.error ?? turn.error ?? remove.error;
  if (error && !page) return <Problem error={error} onRetry={() => void refetch()} />;
  return (
    <SpaceBetween size="l">
      {trouble && <Problem error={trouble} />}
      <StackedTable
        items={page?.items ?? []} trackBy="webhookId" wrapLines loading={isPending} loadingText="Loading webhooks"
        header={<Header variant="h2" counter={page && `(${page.total})`} description="Addresses that get a message when a sync is held, ends or fails, and when the roster changes. No personal data is sent."
          actions={<Button onClick={() => setAdding(true)}>Add webhook</Button>}>Webhooks</Header>}
        columnDefinitions={[
          { id: 'url', header: 'Address', isRowHeader: true, minWidth: 200, cell: each => each.url },
          { id: 'state', header: 'State', minWidth: 120, cell: each => (each.disabledAt ? <StatusIndicator type="stopped">Off since {moment(each.disabledAt)}</StatusIndicator> : <StatusIndicator type="success">On</StatusIndicator>) },
          { id: 'events', header: 'Events', minWidth: 180, cell: each => each.events.map(kind => EVENTS[kind].toLowerCase()).join('; ') },
          { id: 'do', header: 'Actions', minWidth: 220, cell: each => (
            <SpaceBetween size="xs" direction="horizontal">
              <Button ariaLabel={`Test ${each.url}`} disabled={!!each.disabledAt} disabledReason="It is turned off." loading={test.isPending && test.variables === each} onClick={() => test.mutate(each)}>Test</Button>
              <Button ariaLabel={`Log of ${each.url}`} onClick={() => setLooked(each)}>Log</Button>
              <Button ariaLabel={`New secret for ${each.url}`} onClick={() => setRenewing(each)}>New secret</Button>
              <Button ariaLabel={`Turn ${each.url} ${each.disabledAt ? 'on' : 'off'}`} onClick={() => turn.mutate(each)}>{each.disabledAt ? 'Turn on' : 'Turn off'}</Button>
              <Button ariaLabel={`Remove ${each.url}`} onClick={() => setRemoving(each)}>Remove</Button>
            </SpaceBetween>
          ) },
        ]}
        empty={<Box textAlign="center" padding="l">No webhooks yet.</Box>}
      />
      {looked && <Deliveries key={looked.webhookId} groupId={groupId} webhook={looked} onClose={() => setLooked(undefined)} />}
      {renewing && <NewSecret webhook={renewing} secret={renew.data?.secret} error={renew.error} isPending={renew.isPending}
        onMake={() => renew.mutate(renewing)} onDone={() => { setRenewing(undefined); renew.reset(); }} />}
      {removing && (
        <Modal visible onDismiss={() => setRemoving(undefined)} header={`Remove ${removing.url}?`}
          footer={<Box float="right"><SpaceBetween size="xs" direction="horizontal"><Button variant="link" onClick={() => setRemoving(undefined)}>Cancel</Button>
            <Button variant="primary" loading={remove.isPending} onClick={() => remove.mutate(removing)}>Remove webhook</Button></SpaceBetween></Box>}>
          It gets no more messages, and those that still wait to be sent are dropped. Its log and its secret are deleted. To stop it for a while, turn it off instead.
        </Modal>
      )}
      {adding && <AddWebhook groupId={groupId} onDone={() => { setAdding(false); again(); }} />}
    </SpaceBetween>
  );
}

function Deliveries({ groupId, webhook, onClose }: { groupId: string; webhook: Webhook; onClose: () => void }) {
  const api = useApi();
  const path = { groupId, webhookId: webhook.webhookId };
  const { data: page, error, isPending, refetch } = useQuery({
    queryKey: ['deliveries', groupId, webhook.webhookId],
    queryFn: () => data(api.GET('/groups/{groupId}/webhooks/{webhookId}/deliveries', { params: { path } })),
    refetchInterval: query => (query.state.data?.items.some(each => each.state === 'waiting') ? 15_000 : false),
  });
  const send = useMutation({
    mutationFn: (deliveryId: string) => data(api.POST('/groups/{groupId}/webhooks/{webhookId}/deliveries/{deliveryId}/again', { params: { path: { ...path, deliveryId } } })),
    onSuccess: () => void refetch(),
  });
  if (error && !page) return <Problem error={error} onRetry={() => void refetch()} />;
  return (
    <StackedTable
      items={page?.items ?? []} trackBy="deliveryId" wrapLines loading={isPending} loadingText="Loading the log"
      header={<Header variant="h3" description={send.error ? 'It could not be sent again. Try once more.' : 'Each message is tried for 3 days. The log is kept for 30 days.'}
        actions={<SpaceBetween size="xs" direction="horizontal"><Button iconName="refresh" ariaLabel="Load the log again" onClick={() => void refetch()} /><Button onClick={onClose}>Close</Button></SpaceBetween>}>Sent to {webhook.url}</Header>}
      columnDefinitions={[
        { id: 'at', header: 'When', isRowHeader: true, minWidth: 150, cell: each => moment(each.madeAt) },
        { id: 'type', header: 'Message', minWidth: 130, cell: each => (each.type in EVENTS ? EVENTS[each.type as EventType] : 'Test') },
        { id: 'state', header: 'State', minWidth: 150, cell: each => <StatusIndicator type={each.state === 'delivered' ? 'success' : each.state === 'failed' ? 'error' : 'pending'}>
          {each.state === 'delivered' ? 'Delivered' : each.state === 'failed' ? 'Gave up' : each.attempts.length ? `Next try ${each.nextAt ? moment(each.nextAt) : 'soon'}` : 'Waiting to be sent'}</StatusIndicator> },
        { id: 'said', header: 'Last answer', minWidth: 180, cell: each => { const last = each.attempts.at(-1); return last ? `${String(last.status ?? last.said)} (try ${String(each.attempts.length)})` : 'Not tried yet'; } },
        { id: 'do', header: 'Actions', minWidth: 120, cell: each => each.state !== 'waiting' && <Button ariaLabel={`Send ${each.type} again`} onClick={() => send.mutate(each.deliveryId)}>Send again</Button> },
      ]}
      empty={<Box textAlign="center" padding="l">Nothing has been sent yet.</Box>}
    />
  );
}

function NewSecret({ webhook, secret, error, isPending, onMake, onDone }: {
  webhook: Webhook; secret?: string | null; error: Error | null; isPending: boolean; onMake: () => void; onDone: () => void;
}) {
  return (
    <Modal visible onDismiss={onDone} header={`New secret for ${webhook.url}`}
      footer={<Box float="right"><SpaceBetween size="xs" direction="horizontal">
        {secret ? <Button variant="primary" onClick={onDone}>I have stored the secret</Button> : <>
          <Button variant="link" onClick={onDone}>Cancel</Button>
          <Button variant="primary" loading={isPending} onClick={onMake}>Make a new secret</Button>
        </>}</SpaceBetween></Box>}>
      <SpaceBetween size="s">
        {error && <Problem error={error} />}
        {secret ? <StoreSecret secret={secret} /> : 'For one day, messages are signed with both the old and the new secret, so none is lost while you switch.'}
      </SpaceBetween>
    </Modal>
  );
}

function StoreSecret({ secret }: { secret: string }) {
  return (
    <SpaceBetween size="s">
      <Alert type="warning">Copy this secret now. It is never shown again. Each message is signed with it (Standard Webhooks).</Alert>
      <CopyToClipboard variant="inline" textToCopy={secret} copyButtonAriaLabel="Copy the secret" copySuccessText="Copied" copyErrorText="Copy it by hand" />
    </SpaceBetween>
  );
}

function AddWebhook({ groupId, onDone }: { groupId: string; onDone: () => void }) {
  const api = useApi();
  const [url, setUrl] = useState('');
  const [events, setEvents] = useState<EventType[]>(KINDS);
  const add = useMutation({ mutationFn: () => data(api.POST('/groups/{groupId}/webhooks', { params: { path: { groupId } }, body: { url, events } })) });
  const secret = add.data?.secret;
  const refused = fieldError(add.error, 'url');
  return (
    <Modal visible onDismiss={onDone} header="Add webhook"
      footer={<Box float="right"><SpaceBetween size="xs" direction="horizontal">
        {secret ? <Button variant="primary" onClick={onDone}>I have stored the secret</Button> : <>
          <Button variant="link" onClick={onDone}>Cancel</Button>
          <Button variant="primary" loading={add.isPending} disabled={!url.trim() || !events.length} disabledReason="Enter an address and select at least one event." onClick={() => add.mutate()}>Add webhook</Button>
        </>}</SpaceBetween></Box>}>
      {secret ? (
        <StoreSecret secret={secret} />
      ) : (
        <SpaceBetween size="s">
          {add.error && !refused && <Problem error={add.error} />}
          <FormField label="Address" description="It starts with https:// and can be reached from the internet." errorText={refused}><Input type="url" value={url} onChange={({ detail }) => setUrl(detail.value)} /></FormField>
          <FormField label="Send a message when">
            {KINDS.map(kind => <Checkbox key={kind} checked={events.includes(kind)} onChange={({ detail }) => setEvents(detail.checked ? KINDS.filter(each => each === kind || events.includes(each)) : events.filter(each => each !== kind))}>{EVENTS[kind]}</Checkbox>)}
          </FormField>
        </SpaceBetween>
      )}
    </Modal>
  );
}
