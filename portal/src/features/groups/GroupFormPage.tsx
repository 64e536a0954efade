import Button from '@cloudscape-design/components/button';
import Box from '@cloudscape-design/components/box';
import Container from '@cloudscape-design/components/container';
import Form from '@cloudscape-design/components/form';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import Modal from '@cloudscape-design/components/modal';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Spinner from '@cloudscape-design/components/spinner';
import Textarea from '@cloudscape-design/components/textarea';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useNavigate, useParams, useSearchParams } from 'react-router';
import { data, FailedRequest, sentence, useApi, type Schemas } from '../../api/client';
import { useSay } from '../../app/messages';
import { Problem } from '../../app/Problem';
import { MANUALLY, ScheduleSection } from '../../app/Schedule';
import { useTitle } from '../../app/title';
import { figuresOf, guardOf, Safety } from './Safety';
import { GroupMenu } from '../../app/GroupMenu';
import { ExportButton } from './Export';
import { ConnectionTest } from './ConnectionTest';
import { asSent, SourceSection, type Source } from './Source';

const MATCHES = [
  { value: 'sourcedId', label: 'sourcedId' },
  { value: 'identifier', label: 'Identifier' },
  { value: 'username', label: 'User name' },
  { value: 'email', label: 'E-mail address' },
];

export function GroupFormPage() {
  const { groupId = '' } = useParams();
  const api = useApi();
  const { data: group, error, refetch } = useQuery({
    queryKey: ['group', groupId],
    queryFn: () => data(api.GET('/groups/{groupId}', { params: { path: { groupId } } })),
    enabled: !!groupId,
  });
  useTitle(group?.name ?? 'New group');
  if (error) return <Problem error={error} onRetry={() => void refetch()} />;
  if (groupId && !group) return <Spinner />;
  return <GroupForm key={group?.etag} group={group} />;
}

function GroupForm({ group }: { group?: Schemas['GroupOut'] }) {
  const api = useApi();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const say = useSay();
  const [name, setName] = useState(group?.name ?? '');
  const [description, setDescription] = useState(group?.description ?? '');
  const [contactEmail, setContactEmail] = useState(group?.contactEmail ?? '');
  const [partnerId, setPartnerId] = useState(group?.partnerId ?? '');
  const [source, setSource] = useState<Source>(group?.source ?? { method: 'zip', version: 'auto' });
  const [matchWith, setMatch] = useState(group?.matchWith ?? 'sourcedId');
  const [params] = useSearchParams();
  const [usernameSuffix, setSuffix] = useState(group?.usernameSuffix ?? '');
  const [safety, setSafety] = useState(figuresOf(group));
  const [schedule, setSchedule] = useState(group?.schedule ?? MANUALLY);
  const [deleting, setDeleting] = useState(false);
  const save = useMutation<Schemas['GroupOut'], Error, 'close' | 'test'>({
    mutationFn: () => {
      const body = {
        name, description, contactEmail: contactEmail || null, partnerId, usernameSuffix, graceDays: Number(safety.graceDays), retentionDays: Number(safety.retentionDays), schedule,
        source: asSent(source), matchWith,
        guard: guardOf(safety),
      };
      return group
        ? data(api.PATCH('/groups/{groupId}', { params: { path: { groupId: group.groupId } }, body: body as Schemas['GroupPatch'], headers: { 'If-Match': group.etag } }))
        : data(api.POST('/groups', { body: body as Schemas['GroupIn'] }));
    },
    onSuccess: (saved, then) => {
      queries.setQueryData(['group', saved.groupId], saved);
      void queries.invalidateQueries({ predicate: query => query.queryKey[0] !== 'connection-test' });
      say('success', `Group “${saved.name}” was saved.`);
      void navigate(then === 'test' ? `/groups/${saved.groupId}?test` : '/', { replace: then === 'test' });
    },
  });
  const wrong = (field: string) =>
    save.error instanceof FailedRequest ? save.error.problem.errors.find(each => each.field.startsWith(field))?.message : undefined;
  return (
    <form onSubmit={event => { event.preventDefault(); save.mutate('close'); }}>
      <Form
        header={
          <Header variant="h1" actions={group && <SpaceBetween size="xs" direction="horizontal">
            <ExportButton group={group} />
            <Button formAction="none" onClick={() => setDeleting(true)}>Delete group</Button><GroupMenu group={group} variant="normal" /></SpaceBetween>}>
            {group ? group.name : 'Create group'}
          </Header>
        }
        errorText={save.error ? sentence(save.error) : undefined}
        actions={
          <SpaceBetween size="xs" direction="horizontal">
            <Button formAction="none" variant="link" onClick={() => void navigate('/')}>Cancel</Button>
            {source.method !== 'zip' && <Button formAction="none" loading={save.isPending} disabled={!name.trim()} onClick={() => save.mutate('test')}>Save and test connection</Button>}
            <Button variant="primary" loading={save.isPending} disabled={!name.trim()}>{group ? 'Save' : 'Create group'}</Button>
          </SpaceBetween>
        }
      >
        <SpaceBetween size="l">
          <Container header={<Header variant="h2">Details</Header>}>
            <SpaceBetween size="m">
              <FormField label="Name" errorText={wrong('name')}><Input value={name} onChange={e => setName(e.detail.value)} /></FormField>
              <FormField label="Description" errorText={wrong('description')}><Textarea rows={2} value={description} onChange={e => setDescription(e.detail.value)} /></FormField>
              <FormField label="Contact e-mail" errorText={wrong('contactEmail')}><Input type="email" value={contactEmail} onChange={e => setContactEmail(e.detail.value)} /></FormField>
              <FormField label="Partner id" errorText={wrong('partnerId')}><Input value={partnerId} onChange={e => setPartnerId(e.detail.value)} /></FormField>
            </SpaceBetween>
          </Container>
          <SourceSection source={source} onChange={setSource} stored={group?.source} wrong={wrong}>
            {group && source.method !== 'zip' && params.has('test') && <ConnectionTest group={group} />}
          </SourceSection>
          <Container header={<Header variant="h2">Matching</Header>}>
            <SpaceBetween size="m">
              <FormField label="Match people with" description="By which field of the source a person is known again from one sync to the next.">
                <Select selectedOption={MATCHES.find(each => each.value === matchWith) ?? null} options={MATCHES} onChange={e => setMatch(e.detail.selectedOption.value as typeof matchWith)} /></FormField>
              <FormField label="Username suffix" description="Added once to every username, for example @district."><Input value={usernameSuffix} onChange={e => setSuffix(e.detail.value)} /></FormField>
            </SpaceBetween>
          </Container>
          <ScheduleSection schedule={schedule} onChange={setSchedule} method={source.method} nextRuns={group?.nextRuns} wrong={wrong} />
          <Safety figures={safety} onChange={setSafety} wrong={wrong} contact={contactEmail} />
        </SpaceBetween>
      </Form>
      {group && deleting && <DeleteGroup group={group} onClose={() => setDeleting(false)} />}
    </form>
  );
}

function DeleteGroup({ group, onClose }: { group: Schemas['GroupOut']; onClose: () => void }) {
  const api = useApi();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const say = useSay();
  const [typed, setTyped] = useState('');
  const remove = useMutation({
    mutationFn: () => data(api.DELETE('/groups/{groupId}', { params: { path: { groupId: group.groupId } }, body: { name: typed } })),
    onSuccess: answer => { void queries.invalidateQueries(); say('success', answer.message); void navigate('/'); },
  });
  return (
    <Modal visible onDismiss={onClose} header={`Delete “${group.name}”?`}
      footer={<Box float="right"><SpaceBetween size="xs" direction="horizontal"><Button formAction="none" variant="link" onClick={onClose}>Keep it</Button>
        <Button formAction="none" variant="primary" disabled={typed !== group.name} loading={remove.isPending} onClick={() => remove.mutate()}>Delete group</Button></SpaceBetween></Box>}>
      <SpaceBetween size="m">
        <Box>Its configuration, secrets, bundles, logs and the list of its syncs are deleted; this can’t be undone. The audit stays, and so does what it brought onto the platform: nobody is deactivated there.</Box>
        <FormField label="Type the group’s name" errorText={remove.error ? sentence(remove.error) : undefined}><Input value={typed} onChange={e => setTyped(e.detail.value)} /></FormField>
      </SpaceBetween>
    </Modal>
  );
}
