import Alert from '@cloudscape-design/components/alert';
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
import { useEffect, useRef, useState } from 'react';
import { useNavigate, useParams, useSearchParams } from 'react-router';
import { data, fieldError, isStatus, sentence, useApi, type Schemas } from '../../api/client';
import { useSay } from '../../app/messages';
import { Problem } from '../../app/Problem';
import { useMe } from '../../app/role';
import { ScheduleSection } from '../../app/Schedule';
import { useTitle } from '../../app/title';
import { moment } from '../../app/words';
import { pauseOf } from '../../app/pause';
import { useUnsaved } from '../../app/unsaved';
import { Safety } from './Safety';
import { GroupMenu } from '../../app/GroupMenu';
import { ExportButton } from './Export';
import { ConnectionTest, UnsavedTest } from './ConnectionTest';
import { SourceSection } from './Source';
import { bodyOf, changedParts, contested, inShort, merged, PARTS, patchOf, valuesOf, type Values } from './values';

const MATCHES = [
  { value: 'sourcedId', label: 'sourcedId (recommended)' },
  { value: 'identifier', label: 'Identifier' },
  { value: 'username', label: 'User name' },
  { value: 'email', label: 'E-mail address' },
];

const UNTITLED = [
  { value: 'stand-in', label: 'Keep them, named by their code or course' },
  { value: 'leave-out', label: 'Leave them out' },
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
  if (error && !group) return <Problem error={error} onRetry={() => void refetch()} />;
  if (groupId && !group) return <Spinner />;
  return <GroupForm key={groupId} group={group} />; // not made anew when the group is read again: what was typed stays
}

function GroupForm({ group }: { group?: Schemas['GroupOut'] }) {
  const api = useApi();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const say = useSay();
  const [base, setBase] = useState(group); // what the form was filled from; a newer group is taken over field by field
  const [values, setValues] = useState(() => valuesOf(group));
  const [theirs, setTheirs] = useState<Schemas['GroupOut'] | null>(null);
  const [params] = useSearchParams();
  const [deleting, setDeleting] = useState(false);
  const before = valuesOf(base);
  const set = (next: Partial<Values>) => setValues(old => ({ ...old, ...next }));
  const dirty = changedParts(values, before).length > 0;
  const unsaved = useUnsaved(dirty);
  const { name, contactEmail, source } = values;
  const save = useMutation<Schemas['GroupOut'], Error, 'close' | 'test'>({
    mutationFn: () => (base
      ? data(api.PATCH('/groups/{groupId}', { params: { path: { groupId: base.groupId }, header: { 'If-Match': base.etag } }, body: patchOf(values, before) as Schemas['GroupPatch'] }))
      : data(api.POST('/groups', { body: bodyOf(values) as Schemas['GroupIn'] }))),
    onSuccess: (saved, then) => {
      unsaved.release();
      setBase(saved);
      setValues(valuesOf(saved));
      setTheirs(null);
      queries.setQueryData(['group', saved.groupId], saved);
      void queries.invalidateQueries({ predicate: query => query.queryKey[0] !== 'connection-test' });
      say('success', `Group “${saved.name}” was saved.`);
      void navigate(then === 'test' ? `/groups/${saved.groupId}?test` : '/', { replace: then === 'test' });
    },
    onError: async error => {
      if (base && isStatus(error, 409)) setTheirs(await data(api.GET('/groups/{groupId}', { params: { path: { groupId: base.groupId } } })));
    },
  });
  const { data: saves } = useQuery({
    queryKey: ['audit', base?.groupId, 'saved', theirs?.etag],
    queryFn: () => data(api.GET('/groups/{groupId}/audit', { params: { path: { groupId: base?.groupId ?? '' }, query: { search: 'group changed', limit: 1 } } })),
    enabled: !!base && !!theirs, retry: false,
  });
  const saver = saves?.items[0];
  const conflict = useRef<HTMLDivElement>(null);
  useEffect(() => { if (theirs) conflict.current?.scrollIntoView({ block: 'center' }); }, [theirs]); // Save is far below it
  const both = theirs ? contested(values, before, valuesOf(theirs)) : [];
  const take = (side: 'mine' | 'theirs') => {
    if (!theirs) return;
    const next = merged(values, before, valuesOf(theirs));
    setValues(side === 'mine' ? next : { ...next, ...Object.fromEntries(both.map(part => [part, valuesOf(theirs)[part]])) });
    setBase(theirs);
    setTheirs(null);
    save.reset();
  };
  const wrong = (field: string) => fieldError(save.error, field);
  const nameless = name.trim() ? {} : { disabled: true, disabledReason: 'Enter a name first.' };
  return (
    <form onSubmit={event => { event.preventDefault(); if (name.trim()) save.mutate('close'); }}>
      {unsaved.question}
      <Form
        header={
          <Header variant="h1" actions={group && <SpaceBetween size="xs" direction="horizontal">
            <ExportButton group={group} />
            <Button formAction="none" onClick={() => setDeleting(true)}>Delete group</Button><GroupMenu group={group} variant="normal" /></SpaceBetween>}>
            {group ? group.name : 'Create group'}
          </Header>
        }
        errorText={save.error && !isStatus(save.error, 409) ? sentence(save.error) : undefined}
        actions={
          <SpaceBetween size="xs" direction="horizontal">
            <Button formAction="none" variant="link" onClick={() => void navigate('/')}>Cancel</Button>
            {source.method !== 'zip' && <Button formAction="none" loading={save.isPending} {...nameless} onClick={() => save.mutate('test')}>Save and test connection</Button>}
            <Button variant="primary" loading={save.isPending} {...nameless}>{group ? 'Save' : 'Create group'}</Button>
          </SpaceBetween>
        }
      >
        <SpaceBetween size="l">
          {theirs && (
            <div ref={conflict}><Alert type="warning" header="Someone else saved this group while you were editing it"
              action={<SpaceBetween size="xs" direction="horizontal"><Button formAction="none" onClick={() => take('theirs')}>Take theirs</Button><Button formAction="none" variant="primary" onClick={() => take('mine')}>Keep mine</Button></SpaceBetween>}>
              <SpaceBetween size="xs">
                <div>{saver ? `${saver.name || saver.who} saved it ${moment(saver.at)}` : `Saved ${moment(theirs.updatedAt)}`}: {changedParts(valuesOf(theirs), before).map(part => PARTS[part]).join(', ') || 'nothing that stands on this page'}. Nothing you typed is lost: choose, then save again. Fields that only one of you has changed keep that change.</div>
                {both.length > 0 && (
                  <table className="matrix"><thead><tr><th scope="col">Field</th><th scope="col">Theirs</th><th scope="col">Yours</th></tr></thead>
                    <tbody>{both.map(part => <tr key={part}><th scope="row">{PARTS[part]}</th><td>{inShort(part, valuesOf(theirs), values)}</td><td>{inShort(part, values, valuesOf(theirs))}</td></tr>)}</tbody></table>
                )}
              </SpaceBetween>
            </Alert></div>
          )}
          <Container header={<Header variant="h2">Details</Header>}>
            <SpaceBetween size="m">
              <FormField label="Name" errorText={wrong('name')}><Input value={name} onChange={e => set({ name: e.detail.value })} /></FormField>
              <FormField label="Description" errorText={wrong('description')}><Textarea rows={2} value={values.description} onChange={e => set({ description: e.detail.value })} /></FormField>
              <FormField label="Contact e-mail" errorText={wrong('contactEmail')}><Input type="email" value={contactEmail} onChange={e => set({ contactEmail: e.detail.value })} /></FormField>
              <FormField label="Partner id" errorText={wrong('partnerId')}><Input value={values.partnerId} onChange={e => set({ partnerId: e.detail.value })} /></FormField>
            </SpaceBetween>
          </Container>
          <SourceSection source={source} onChange={next => set({ source: next })} stored={base?.source} wrong={wrong}>
            {source.method !== 'zip' && <UnsavedTest source={source} />}
            {base && source.method !== 'zip' && params.has('test') && <ConnectionTest group={base} onConfirmed={saved => { setValues(old => merged(old, before, valuesOf(saved))); setBase(saved); }} />}
          </SourceSection>
          <Container header={<Header variant="h2">Matching</Header>}>
            <SpaceBetween size="m">
              <FormField label="Match people with" description="Field used to match people between syncs." errorText={wrong('matchWith')}>
                <Select selectedOption={MATCHES.find(each => each.value === values.matchWith) ?? null} options={MATCHES} onChange={e => set({ matchWith: e.detail.selectedOption.value as Values['matchWith'] })} /></FormField>
              <FormField label="Username suffix" description="Added to every username, for example @district." errorText={wrong('usernameSuffix')}><Input value={values.usernameSuffix} onChange={e => set({ usernameSuffix: e.detail.value })} /></FormField>
              <FormField label="Classes without titles" description="For exports in which nearly every title is empty." errorText={wrong('untitled')}>
                <Select selectedOption={UNTITLED.find(each => each.value === values.untitled) ?? null} options={UNTITLED} onChange={e => set({ untitled: e.detail.selectedOption.value as Values['untitled'] })} /></FormField>
            </SpaceBetween>
          </Container>
          <ScheduleSection schedule={values.schedule} onChange={schedule => set({ schedule })} method={source.method} nextRuns={base?.nextRuns} paused={!!base && !!pauseOf(base)} wrong={wrong} />
          <Safety figures={values.safety} onChange={safety => set({ safety })} wrong={wrong} contact={contactEmail} alwaysPreview={values.alwaysPreview} onAlways={alwaysPreview => set({ alwaysPreview })} />
        </SpaceBetween>
      </Form>
      {group && deleting && <DeleteGroup group={group} onClose={() => setDeleting(false)} onGone={unsaved.release} />}
    </form>
  );
}

function DeleteGroup({ group, onClose, onGone }: { group: Schemas['GroupOut']; onClose: () => void; onGone: () => void }) {
  const api = useApi();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const say = useSay();
  const [typed, setTyped] = useState('');
  const everyGroup = useMe().groups === null; // who may see the certificate
  const remove = useMutation({
    mutationFn: () => data(api.DELETE('/groups/{groupId}', { params: { path: { groupId: group.groupId } }, body: { name: typed } })),
    onSuccess: answer => {
      onGone();
      say('success', answer.message);
      void queries.invalidateQueries({ refetchType: 'none' }); // the page that is left would ask for a group that is gone
      void navigate(everyGroup ? '/deleted-groups' : '/');
    },
  });
  return (
    <Modal visible onDismiss={onClose} header={`Delete “${group.name}”?`}
      footer={<Box float="right"><SpaceBetween size="xs" direction="horizontal"><Button formAction="none" variant="link" onClick={onClose}>Cancel</Button>
        <Button formAction="none" variant="primary" {...(typed === group.name ? {} : { disabled: true, disabledReason: 'Type the group’s name first.' })} loading={remove.isPending} onClick={() => remove.mutate()}>Delete group</Button></SpaceBetween></Box>}>
      <SpaceBetween size="m">
        <Box>Everything in this group is deleted: its settings, passwords, files, logs and syncs, and everyone it has brought onto the platform. This can’t be undone. The audit stays, and a certificate says what was deleted.</Box>
        <FormField label="Type the group’s name" errorText={remove.error ? sentence(remove.error) : undefined}><Input value={typed} onChange={e => setTyped(e.detail.value)} /></FormField>
      </SpaceBetween>
    </Modal>
  );
}
