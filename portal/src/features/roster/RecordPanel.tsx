import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import Link from '@cloudscape-design/components/link';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Spinner from '@cloudscape-design/components/spinner';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import Table from '@cloudscape-design/components/table';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from 'react-router';
import { data, useApi, type Schemas } from '../../api/client';
import { ShowContacts, useContacts } from '../../app/contacts';
import { Problem } from '../../app/Problem';
import { capital, fieldName, inWords, moment, number } from '../../app/words';
import { ErasePerson } from './ErasePerson';

const DAY_MS = 86_400_000;

/** Active, inactive, or removed and until when it can come back. */
export function PlatformStatus({ record, graceDays }: { record: Pick<Schemas['RosterRow'], 'status' | 'removedAt'>; graceDays: number | undefined }) {
  if (!record.removedAt) return <StatusIndicator type={record.status === 'active' ? 'success' : 'stopped'}>{capital(record.status)}</StatusIndicator>;
  const until = graceDays && new Date(Date.parse(record.removedAt) + graceDays * DAY_MS).toLocaleDateString(undefined, { dateStyle: 'medium' });
  return <StatusIndicator type="stopped">Removed; can come back{until && ` until ${until}`}</StatusIndicator>;
}

/** One record as the platform has it this moment: its fields, and of a person the classes, of a class the people. */
export function RecordPanel({ groupId, entity, id, graceDays, onClose, onOpen }: { groupId: string; entity: Schemas['RosterRecord']['entity']; id: string; graceDays: number | undefined; onClose: () => void; onOpen: (entity: string, id: string) => void }) {
  const api = useApi();
  const navigate = useNavigate();
  const contacts = useContacts();
  const { data: record, error, refetch } = useQuery({
    queryKey: ['roster-record', groupId, entity, id, contacts.show],
    queryFn: () => data(api.GET('/groups/{groupId}/roster/{entity}/record', { params: { path: { groupId, entity }, query: { id, ...contacts.show } } })),
  });
  if (error) return <Problem error={error} onRetry={() => void refetch()} />;
  if (!record) return <Container><Spinner /> Reading the record…</Container>;
  const others = entity === 'users' ? 'classes' : 'users';
  const traced = (['users', 'classes', 'orgs'] as string[]).includes(entity);
  return (
    <Container header={<Header variant="h2" actions={<SpaceBetween size="xs" direction="horizontal">
        {traced && <Button onClick={() => void navigate(`/groups/${groupId}/trace?entity=${entity}&id=${encodeURIComponent(id)}`)}>Where does it come from?</Button>}
        {entity === 'users' && <ErasePerson groupId={groupId} id={id} name={nameOf(record)} onErased={onClose} />}
        <Button onClick={onClose}>Close</Button></SpaceBetween>}>{nameOf(record)}</Header>}>
      <SpaceBetween size="l">
        <KeyValuePairs columns={3} items={[
          { label: 'Status', value: <PlatformStatus record={record} graceDays={graceDays} /> },
          { label: 'Since', value: moment(record.since) },
          { label: 'Platform id', value: record.platformId },
          { label: 'sourcedId', value: record.sourcedId },
          ...Object.entries(record.fields).filter(([name]) => name !== 'sourcedId').map(([name, value]) => ({ label: fieldName(name), value: inWords(value, record.names[name]) })),
        ]} />
        <ShowContacts contacts={contacts} of={record} />
        {(entity === 'users' || entity === 'classes') && (
          <Table variant="embedded" items={record.enrolled} trackBy="enrollmentId" wrapLines
            header={<Header variant="h3" counter={`(${number(record.enrolledTotal)})`} description={record.enrolledTotal > record.enrolled.length ? `The first ${number(record.enrolled.length)} are shown.` : undefined}>{entity === 'users' ? 'Classes' : 'People'}</Header>}
            columnDefinitions={[
              { id: 'name', header: 'Name', isRowHeader: true, cell: each => <Link href={`?of=${others}&id=${encodeURIComponent(each.sourcedId)}`} onFollow={event => { event.preventDefault(); onOpen(others, each.sourcedId); }}>{each.name}</Link> },
              { id: 'role', header: 'Role', cell: each => capital(each.role) },
              { id: 'status', header: 'Status', cell: each => (each.status === 'active' ? 'Active' : 'Ended') },
            ]}
            empty={<Box textAlign="center">{entity === 'users' ? 'Enrolled in no class.' : 'Nobody is enrolled.'}</Box>} />
        )}
      </SpaceBetween>
    </Container>
  );
}

function nameOf({ fields, sourcedId }: Schemas['RosterRecord']): string {
  const said = (name: string) => (typeof fields[name] === 'string' ? fields[name] : '');
  return `${said('givenName')} ${said('familyName')}`.trim() || said('name') || said('title') || sourcedId;
}
