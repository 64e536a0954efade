import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Checkbox from '@cloudscape-design/components/checkbox';
import Container from '@cloudscape-design/components/container';
import Form from '@cloudscape-design/components/form';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import Modal from '@cloudscape-design/components/modal';
import Multiselect from '@cloudscape-design/components/multiselect';
import RadioGroup from '@cloudscape-design/components/radio-group';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Spinner from '@cloudscape-design/components/spinner';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useNavigate, useParams } from 'react-router';
import { data, sentence, useApi, whole, type Schemas } from '../../api/client';
import { GroupNav } from '../../app/GroupNav';
import { useSay } from '../../app/messages';
import { Problem } from '../../app/Problem';
import { useMay } from '../../app/role';
import { useTitle } from '../../app/title';
import { capital, moment, number } from '../../app/words';
import { Now } from './SelectionsPage';

type Saved = Schemas['Saved'];
type Rule = Schemas['ClassRule'];
const STATUSES = ['active', 'inactive', 'deleted', 'blank'] as const;
const TYPES = ['student', 'teacher', 'aide', 'administrator', 'proctor', 'counselor', 'principal', 'siteAdministrator', 'districtAdministrator', 'systemAdministrator', 'guardian', 'parent', 'relative'];
const WORDS = [['title', 'Title'], ['code', 'Class code'], ['course', 'Course'], ['grade', 'Grade'], ['subject', 'Subject'], ['term', 'Term']] as const;
const NO_RULE: Rule = { title: '', code: '', course: '', grade: '', subject: '', term: '' };
const NEW: Saved = {
  schools: { all: true, ids: [], excluded: [], parents: [], later: 'ask' },
  classes: { all: true, ids: [], excluded: [], rules: [], later: 'include' },
  people: { cells: (['active', 'blank'] as const).flatMap(status => ['student', 'teacher'].map(userType => ({ status, userType }))), roles: [], otherMembers: false, guardians: false },
  removeUnselected: false,
};

export function SelectionPage() {
  const { groupId = '', name = '' } = useParams();
  const api = useApi();
  useTitle(name || 'New selection');
  const { data: saved, error, refetch } = useQuery({
    queryKey: ['selection', groupId, name],
    queryFn: () => data(api.GET('/groups/{groupId}/selections/{name}', { params: { path: { groupId, name } } })),
    enabled: !!name,
  });
  if (error) return <Problem error={error} onRetry={() => void refetch()} />;
  if (name && !saved) return <Spinner />;
  return <SelectionForm key={saved?.etag} groupId={groupId} saved={saved} />;
}

function SelectionForm({ groupId, saved }: { groupId: string; saved?: Schemas['SavedSelectionOut'] }) {
  const api = useApi();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const say = useSay();
  const saving = useMay()('operator');
  const [name, setName] = useState(saved?.name ?? '');
  const [{ schools, classes, people, removeUnselected }, setSelection] = useState<Saved>(saved?.selection ?? NEW);
  const [deleting, setDeleting] = useState(false);
  const change = (part: Partial<Saved>) => setSelection(old => ({ ...old, ...part }));
  const last = useQuery({
    queryKey: ['last', groupId],
    queryFn: () => data(api.GET('/groups/{groupId}/syncs/last', { params: { path: { groupId } } })),
    retry: false,
    enabled: !saved?.standing,
  });
  const listsOf = saved?.standing?.syncId ?? last.data?.syncId;
  const offered = useQuery({
    queryKey: ['orgs', listsOf, 'every'],
    queryFn: () => whole(query => api.GET('/syncs/{syncId}/orgs', { params: { path: { syncId: listsOf ?? '' }, query } })),
    retry: false,
    enabled: !!listsOf,
  });
  const names = new Map([...(saved?.named ?? []).map(each => [each.sourcedId, each.name] as const), ...(offered.data?.items ?? []).map(each => [each.sourcedId, each.name] as const)]);
  const option = (id: string) => ({ value: id, label: names.get(id) ?? id, description: id });
  const parents = new Map((offered.data?.items ?? []).flatMap(each => (each.parentSourcedId ? [[each.parentSourcedId, each.parent || each.parentSourcedId] as const] : [])));
  const save = useMutation({
    mutationFn: () => {
      const selection = { schools, classes: { ...classes, rules: classes.rules.filter(rule => Object.values(rule).some(word => word.trim())) }, people, removeUnselected };
      return saved
        ? data(api.PUT('/groups/{groupId}/selections/{name}', { params: { path: { groupId, name: saved.name }, header: { 'If-Match': saved.etag } }, body: { selection, seenOf: null } }))
        : data(api.POST('/groups/{groupId}/selections', { params: { path: { groupId } }, body: { name, selection, seenOf: null } }));
    },
    onSuccess: done => {
      void queries.invalidateQueries();
      say('success', `“${done.name}” was saved as version ${done.version}.`);
      void navigate(`/groups/${groupId}/selections`);
    },
  });
  return (
    <form onSubmit={event => { event.preventDefault(); save.mutate(); }}>
      <Form
        header={<Header variant="h1" description={saved && `Version ${saved.version}, ${moment(saved.at)} by ${saved.by}`} actions={saved && <Button formAction="none" {...saving} onClick={() => setDeleting(true)}>Delete selection</Button>}>{saved ? saved.name : 'Create selection'}</Header>}
        errorText={save.error ? sentence(save.error) : undefined}
        actions={
          <SpaceBetween size="xs" direction="horizontal">
            <Button formAction="none" variant="link" onClick={() => void navigate(`/groups/${groupId}/selections`)}>Cancel</Button>
            <Button variant="primary" loading={save.isPending} {...(saving.disabled ? saving : name.trim() ? {} : { disabled: true, disabledReason: 'Enter a name first.' })}>{saved ? 'Save as the next version' : 'Create selection'}</Button>
          </SpaceBetween>
        }
      >
        <SpaceBetween size="l">
          <GroupNav groupId={groupId} />
          {saved && <Container header={<Header variant="h2" description="Save to update these numbers.">As saved</Header>}><Now standing={saved.standing} /></Container>}
          {!saved && (
            <Container header={<Header variant="h2">Name</Header>}>
              <FormField label="Name" constraintText="Letters, numbers, spaces and . , ( ) & + - _. Example: Middle schools, every night"><Input value={name} onChange={e => setName(e.detail.value)} /></FormField>
            </Container>
          )}
          <Container header={<Header variant="h2">Schools</Header>}>
            <SpaceBetween size="m">
              {offered.error && <Alert type="info">The list of schools appears after the group’s first sync. Until then, only rules and the settings for later schools and classes apply.</Alert>}
              <RadioGroup ariaLabel="Schools" value={schools.all ? 'all' : 'some'} onChange={e => change({ schools: { ...schools, all: e.detail.value === 'all' } })} items={[
                { value: 'all', label: 'Every school in the source now', description: 'Except those below.' },
                { value: 'some', label: 'These schools' },
              ]} />
              {!schools.all && <Picker label="Schools by name" ids={schools.ids} option={option} offered={offered.data?.items.map(each => each.sourcedId) ?? []} onChange={ids => change({ schools: { ...schools, ids } })} />}
              {!schools.all && (
                <Picker label="All schools of" description="Schools added to this parent later are selected too, without asking." ids={schools.parents}
                  option={id => ({ value: id, label: parents.get(id) ?? names.get(id) ?? id, description: id })} offered={[...parents.keys()]} onChange={ids => change({ schools: { ...schools, parents: ids } })} />
              )}
              <Picker label="Never these schools" ids={schools.excluded} option={option} offered={offered.data?.items.map(each => each.sourcedId) ?? []} onChange={excluded => change({ schools: { ...schools, excluded } })} />
              <LaterChoice what="schools" value={schools.later} onChange={later => change({ schools: { ...schools, later } })} />
            </SpaceBetween>
          </Container>
          <Container header={<Header variant="h2" description="Of the selected schools only.">Classes</Header>}>
            <SpaceBetween size="m">
              <RadioGroup ariaLabel="Classes" value={classes.all ? 'all' : 'some'} onChange={e => change({ classes: { ...classes, all: e.detail.value === 'all' } })} items={[
                { value: 'all', label: 'Every class' },
                { value: 'some', label: 'Classes that match a rule', description: 'And those selected one by one during a sync.' },
              ]} />
              {classes.ids.length > 0 && <Chosen said={`${number(classes.ids.length)} classes were selected one by one.`} onForget={() => change({ classes: { ...classes, ids: [] } })} />}
              {classes.excluded.length > 0 && <Chosen said={`${number(classes.excluded.length)} classes were left out one by one.`} onForget={() => change({ classes: { ...classes, excluded: [] } })} />}
              {!classes.all && <Rules rules={classes.rules} onChange={rules => change({ classes: { ...classes, rules } })} />}
              <LaterChoice what="classes" value={classes.later} onChange={later => change({ classes: { ...classes, later } })} />
            </SpaceBetween>
          </Container>
          <Container header={<Header variant="h2" description="Leave both empty for everyone.">People</Header>}>
            <SpaceBetween size="m">
              <Picker label="Status and user type" ids={people.cells.map(cell => `${cell.status}/${cell.userType}`)} option={id => ({ value: id, label: capital(id.replace('/', ' ')) })}
                offered={STATUSES.flatMap(status => TYPES.map(type => `${status}/${type}`))} onChange={ids => change({ people: { ...people, cells: ids.map(id => { const [status, userType = ''] = id.split('/'); return { status: status as (typeof STATUSES)[number], userType }; }) } })} />
              <Picker label="User types, whatever their status" description="Deleted people among them are deactivated on the platform, never created." ids={people.roles} option={id => ({ value: id, label: capital(id) })} offered={TYPES} onChange={roles => change({ people: { ...people, roles } })} />
              <Checkbox checked={people.otherMembers} onChange={e => change({ people: { ...people, otherMembers: e.detail.checked } })}>Other members of these schools</Checkbox>
              <Checkbox checked={people.guardians} onChange={e => change({ people: { ...people, guardians: e.detail.checked } })}>Guardians</Checkbox>
              <Checkbox checked={removeUnselected} onChange={e => change({ removeUnselected: e.detail.checked })} description="Anything on the platform that is not selected is deactivated, at other schools too. The safety limit still applies.">Remove what is not selected</Checkbox>
            </SpaceBetween>
          </Container>
          {saved && saved.versions.length > 1 && <Box variant="small">Earlier versions: {saved.versions.slice(1, 6).map(each => `${each.version} (${moment(each.at)} by ${each.by})`).join(', ')}{saved.versions.length > 6 && ' …'}. They can still be read through the API.</Box>}
        </SpaceBetween>
      </Form>
      {saved && deleting && <DeleteSelection groupId={groupId} name={saved.name} onClose={() => setDeleting(false)} />}
    </form>
  );
}

function LaterChoice({ what, value, onChange }: { what: 'schools' | 'classes'; value: Schemas['Later']; onChange: (later: Schemas['Later']) => void }) {
  return (
    <FormField label={`When ${what} appear later`}>
      <RadioGroup value={value} onChange={e => onChange(e.detail.value as Schemas['Later'])} items={[
        { value: 'ask', label: 'Ask', description: `They wait on the status page and are left out until you decide.` },
        { value: 'include', label: 'Include them' },
        { value: 'exclude', label: 'Leave them out' },
      ]} />
    </FormField>
  );
}

interface PickerProps {
  label: string;
  description?: string;
  ids: readonly string[];
  offered: readonly string[];
  option: (id: string) => { value: string; label: string; description?: string };
  onChange: (ids: string[]) => void;
}

function Picker({ label, description, ids, offered, option, onChange }: PickerProps) {
  return (
    <FormField label={label} description={description}>
      <Multiselect selectedOptions={ids.map(option)} options={[...new Set([...offered, ...ids])].map(option)} filteringType="auto" virtualScroll tokenLimit={5}
        filteringAriaLabel={`Find in ${label}`} placeholder={ids.length ? 'Choose more' : 'None'} empty="Nothing to choose from yet" deselectAriaLabel={each => `Remove ${each.label ?? ''}`}
        i18nStrings={{ tokenLimitShowMore: 'Show all', tokenLimitShowFewer: 'Show fewer' }}
        onChange={({ detail }) => onChange(detail.selectedOptions.flatMap(each => (each.value ? [each.value] : [])))} />
    </FormField>
  );
}

function Chosen({ said, onForget }: { said: string; onForget: () => void }) {
  return <SpaceBetween size="s" direction="horizontal" alignItems="center"><Box>{said}</Box><Button formAction="none" onClick={onForget}>Clear them</Button></SpaceBetween>;
}

function Rules({ rules, onChange }: { rules: readonly Rule[]; onChange: (rules: Rule[]) => void }) {
  const set = (place: number, word: keyof Rule, value: string) => onChange(rules.map((rule, at) => (at === place ? { ...rule, [word]: value } : rule)));
  return (
    <FormField label="Rules" description="A class matches a rule when each field you fill in matches: the title, code, course, subject or term contains the text; the grade is equal to it. It is selected when any rule matches." stretch>
      <SpaceBetween size="s">
        {rules.map((rule, place) => (
          <div key={place} className="rule" role="group" aria-label={`Rule ${place + 1}`}>
            {WORDS.map(([word, label]) => <FormField key={word} label={label}><Input ariaLabel={`${label} of rule ${place + 1}`} value={rule[word]} onChange={e => set(place, word, e.detail.value)} /></FormField>)}
            <div><Button formAction="none" iconName="remove" ariaLabel={`Remove rule ${place + 1}`} onClick={() => onChange(rules.filter((_, at) => at !== place))} /></div>
          </div>
        ))}
        <Button formAction="none" iconName="add-plus" onClick={() => onChange([...rules, NO_RULE])}>Add a rule</Button>
      </SpaceBetween>
    </FormField>
  );
}

function DeleteSelection({ groupId, name, onClose }: { groupId: string; name: string; onClose: () => void }) {
  const api = useApi();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const say = useSay();
  const remove = useMutation({
    mutationFn: () => data(api.DELETE('/groups/{groupId}/selections/{name}', { params: { path: { groupId, name } } })),
    onSuccess: answer => { void queries.invalidateQueries(); say('success', answer.message); void navigate(`/groups/${groupId}/selections`); },
  });
  return (
    <Modal visible onDismiss={onClose} header={`Delete “${name}”?`}
      footer={<Box float="right"><SpaceBetween size="xs" direction="horizontal"><Button formAction="none" variant="link" onClick={onClose}>Cancel</Button>
        <Button formAction="none" variant="primary" loading={remove.isPending} onClick={() => remove.mutate()}>Delete selection</Button></SpaceBetween></Box>}>
      <SpaceBetween size="m">
        <Box>All its versions are deleted. What it has brought onto the platform stays there. A schedule that uses it fails until you choose another.</Box>
        {remove.error && <Problem error={remove.error} />}
      </SpaceBetween>
    </Modal>
  );
}
