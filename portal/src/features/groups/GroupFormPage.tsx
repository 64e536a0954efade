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
import { useNavigate, useParams } from 'react-router';
import { data, FailedRequest, sentence, useApi, type Schemas } from '../../api/client';
import { useSay } from '../../app/messages';
import { Problem } from '../../app/Problem';
import { MANUALLY, ScheduleSection } from '../../app/Schedule';
import { useTitle } from '../../app/title';
import { figuresOf, guardOf, Safety } from './Safety';
import { GroupMenu } from '../../app/GroupMenu';

const VERSIONS = [
  { value: 'auto', label: 'As the bundle says' },
  { value: '1.1', label: 'OneRoster 1.1' },
  { value: '1.2', label: 'OneRoster 1.2' },
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
  const [version, setVersion] = useState(group?.source.version ?? 'auto');
  const [usernameSuffix, setSuffix] = useState(group?.usernameSuffix ?? '');
  const [safety, setSafety] = useState(figuresOf(group));
  const [schedule, setSchedule] = useState(group?.schedule ?? MANUALLY);
  const [deleting, setDeleting] = useState(false);
  const save = useMutation({
    mutationFn: () => {
      const body = {
        name, description, contactEmail: contactEmail || null, partnerId, usernameSuffix, graceDays: Number(safety.graceDays), schedule,
        source: group && group.source.method !== 'zip' ? { ...group.source, version } : { method: 'zip' as const, version },
        guard: guardOf(safety),
      };
      return group
        ? data(api.PATCH('/groups/{groupId}', { params: { path: { groupId: group.groupId } }, body: body as Schemas['GroupPatch'], headers: { 'If-Match': group.etag } }))
        : data(api.POST('/groups', { body: body as Schemas['GroupIn'] }));
    },
    onSuccess: saved => {
      void queries.invalidateQueries();
      say('success', `Group “${saved.name}” was saved.`);
      void navigate('/');
    },
  });
  const wrong = (field: string) =>
    save.error instanceof FailedRequest ? save.error.problem.errors.find(each => each.field.startsWith(field))?.message : undefined;
  return (
    <form onSubmit={event => { event.preventDefault(); save.mutate(); }}>
      <Form
        header={
          <Header variant="h1" actions={group && <SpaceBetween size="xs" direction="horizontal">
            <Button formAction="none" onClick={() => setDeleting(true)}>Delete group</Button><GroupMenu group={group} variant="normal" /></SpaceBetween>}>
            {group ? group.name : 'Create group'}
          </Header>
        }
        errorText={save.error ? sentence(save.error) : undefined}
        actions={
          <SpaceBetween size="xs" direction="horizontal">
            <Button formAction="none" variant="link" onClick={() => void navigate('/')}>Cancel</Button>
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
          <Container header={<Header variant="h2">Source</Header>}>
            <SpaceBetween size="m">
              <FormField label="Method" description="You upload the district’s OneRoster ZIP here."><Box>ZIP</Box></FormField>
              <FormField label="OneRoster version"><Select selectedOption={VERSIONS.find(each => each.value === version) ?? null} options={VERSIONS}
                onChange={e => setVersion(e.detail.selectedOption.value as typeof version)} /></FormField>
              <FormField label="Username suffix" description="Added once to every username, for example @district."><Input value={usernameSuffix} onChange={e => setSuffix(e.detail.value)} /></FormField>
            </SpaceBetween>
          </Container>
          <ScheduleSection schedule={schedule} onChange={setSchedule} method={group?.source.method ?? 'zip'} nextRunAt={group?.nextRunAt} wrong={wrong} />
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
