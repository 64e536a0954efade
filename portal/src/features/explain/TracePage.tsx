import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import ContentLayout from '@cloudscape-design/components/content-layout';
import Form from '@cloudscape-design/components/form';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import Link from '@cloudscape-design/components/link';
import SpaceBetween from '@cloudscape-design/components/space-between';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import Steps, { type StepsProps } from '@cloudscape-design/components/steps';
import Table from '@cloudscape-design/components/table';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState, type SyntheticEvent } from 'react';
import { useNavigate, useParams, useSearchParams } from 'react-router';
import { data, useApi, type Schemas } from '../../api/client';
import { readable } from '../../api/plain';
import { ShowContacts, useContacts } from '../../app/contacts';
import { Problem } from '../../app/Problem';
import { useTitle } from '../../app/title';
import { moment, number, sentenceOf, STATES } from '../../app/words';

type Subject = Schemas['TraceSubject'];

const ABOUT: Record<Schemas['TraceStep']['about'], string> = {
  source: 'In the source',
  problems: 'Problems in the row',
  selection: 'Selected',
  match: 'Matched to a record',
  plan: 'Planned',
  platform: 'On the platform',
};
const VERDICT: Record<Schemas['TraceStep']['verdict'], StepsProps.Status> = { yes: 'success', no: 'error', warning: 'warning', info: 'info' };
const KIND: Record<Subject['entity'], string> = { users: 'Person', classes: 'Class', orgs: 'School or org' };

/** Why is this person not here? What is typed is kept out of the address; who was found stands there by id. */
export function TracePage() {
  const { groupId = '' } = useParams();
  const api = useApi();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const [params, setParams] = useSearchParams();
  const id = params.get('id') ?? '';
  const entity = (params.get('entity') ?? '') as Subject['entity'] | '';
  const [typed, setTyped] = useState(id);
  const contacts = useContacts();
  useTitle('Why is this person not here?');
  const ask = (q: string, of: Subject['entity'] | '') => data(api.GET('/groups/{groupId}/trace', { params: { path: { groupId }, query: { q, entity: of, ...contacts.show } } }));
  const group = useQuery({ queryKey: ['group', groupId], queryFn: () => data(api.GET('/groups/{groupId}', { params: { path: { groupId } } })) });
  const chosen = useQuery({ queryKey: ['trace', groupId, entity, id, contacts.show], queryFn: () => ask(id, entity), enabled: id !== '' });
  const search = useMutation({
    mutationFn: (words: string) => ask(words, ''),
    onSuccess: ({ subject, ...found }) => {
      if (subject) queries.setQueryData(['trace', groupId, subject.entity, subject.sourcedId, contacts.show], { subject, ...found });
      setParams(subject ? { entity: subject.entity, id: subject.sourcedId } : {});
    },
  });
  const show = (subject: Subject) => {
    search.reset();
    setParams({ entity: subject.entity, id: subject.sourcedId });
  };
  const look = (event: SyntheticEvent) => {
    event.preventDefault();
    if (typed.trim()) search.mutate(typed.trim());
  };
  const found = id ? chosen.data : search.data;
  const error = search.error ?? chosen.error;
  const looking = search.isPending || (id !== '' && chosen.isPending);
  return (
    <ContentLayout header={<Header variant="h1" description={group.data?.name} actions={<Button onClick={() => void navigate(`/groups/${groupId}/status`)}>Last sync status</Button>}>Why is this person not here?</Header>}>
      <SpaceBetween size="l">
        <Container>
          <form onSubmit={look}>
            <Form actions={<Button variant="primary" formAction="submit" loading={looking}>Search</Button>}>
              <FormField label="Person, class or school" description="A sourcedId, username, e-mail address, identifier, or a name or part of it." stretch>
                <Input value={typed} type="search" autoFocus onChange={({ detail }) => setTyped(detail.value)} />
              </FormField>
            </Form>
          </form>
        </Container>
        {error && <Problem error={error} onRetry={() => (search.error ? search.mutate(typed.trim()) : void chosen.refetch())} />}
        {id && found && <ShowContacts contacts={contacts} of={found} />}
        {looking && <StatusIndicator type="loading">Looking through the last sync</StatusIndicator>}
        {!found && !error && !looking && <Box textAlign="center" color="text-body-secondary">You will see every step from the source to the platform, and where it stopped.</Box>}
        {found && !error && !looking && (found.subject
          ? <Way trace={found} subject={found.subject} />
          : found.total ? <Candidates trace={found} onChoose={show} /> : <Nobody trace={found} groupId={groupId} />)}
      </SpaceBetween>
    </ContentLayout>
  );
}

function Way({ trace, subject }: { trace: Schemas['Trace']; subject: Subject }) {
  return (
    <Container header={<Header variant="h2" description={`${KIND[subject.entity]}${subject.detail && ` (${subject.detail})`}, sourcedId ${subject.sourcedId}`}>{subject.name || subject.sourcedId}</Header>} footer={<Looked trace={trace} />}>
      <SpaceBetween size="m">
        <Box variant="p" fontSize="heading-s">{readable(trace.conclusion)}</Box>
        <Steps
          ariaLabel="Steps from the source to the platform"
          steps={trace.steps.map(step => ({
            header: <b>{ABOUT[step.about]}</b>,
            details: <>{sentenceOf(readable(step.text).replace(`${ABOUT[step.about]}: `, ''))}{step.at && ` Since ${moment(step.at)}.`}</>,
            status: VERDICT[step.verdict],
            statusIconAriaLabel: step.verdict === 'no' ? 'stopped here' : step.verdict,
          }))}
        />
      </SpaceBetween>
    </Container>
  );
}

function Candidates({ trace, onChoose }: { trace: Schemas['Trace']; onChoose: (subject: Subject) => void }) {
  return (
    <Table
      items={trace.candidates}
      trackBy={subject => `${subject.entity}/${subject.sourcedId}`}
      wrapLines
      header={<Header variant="h2" counter={`(${number(trace.total)})`} description={trace.total > trace.candidates.length ? 'The closest matches are shown. Type more of the name, or the sourcedId.' : 'Select the one you mean.'}>Which one?</Header>}
      columnDefinitions={[
        { id: 'name', header: 'Name', isRowHeader: true, cell: subject => <Link href="#" onFollow={event => { event.preventDefault(); onChoose(subject); }}>{subject.name || subject.sourcedId}</Link> },
        { id: 'kind', header: 'Record type', cell: subject => KIND[subject.entity] },
        { id: 'detail', header: 'Known as', cell: subject => subject.detail || '–' },
        { id: 'id', header: 'sourcedId', cell: subject => subject.sourcedId },
      ]}
      footer={<Looked trace={trace} />}
    />
  );
}

function Nobody({ trace, groupId }: { trace: Schemas['Trace']; groupId: string }) {
  return (
    <Container footer={<Looked trace={trace} />}>
      <Box variant="p">
        Nobody and nothing of that name is in the last sync’s source or on the platform. Check that the name is spelled as in the student
        information system, or search by sourcedId. Rows whose own id can’t be read are listed under{' '}
        <Link href={`/groups/${groupId}/status`}>problems</Link>. If the row was added since, sync again.
      </Box>
    </Container>
  );
}

function Looked({ trace }: { trace: Schemas['Trace'] }) {
  return <Box variant="small">As of the sync of {moment(trace.syncStartedAt)} ({STATES[trace.syncState].label.toLowerCase()}).</Box>;
}
