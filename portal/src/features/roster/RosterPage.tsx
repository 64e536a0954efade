import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import ContentLayout from '@cloudscape-design/components/content-layout';
import Header from '@cloudscape-design/components/header';
import Link from '@cloudscape-design/components/link';
import Pagination from '@cloudscape-design/components/pagination';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Table, { type TableProps } from '@cloudscape-design/components/table';
import TextFilter from '@cloudscape-design/components/text-filter';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useParams, useSearchParams } from 'react-router';
import { data, useApi, whole, type Schemas } from '../../api/client';
import { GroupNav } from '../../app/GroupNav';
import { usePreferences } from '../../app/preferences';
import { ShowContacts, useContacts } from '../../app/contacts';
import { Problem } from '../../app/Problem';
import { useTitle } from '../../app/title';
import { ENTITIES, number } from '../../app/words';
import { PlatformStatus, RecordPanel } from './RecordPanel';

const PEOPLE = { value: 'users', label: ENTITIES.users } as const;
const OF = [PEOPLE, ...(['classes', 'orgs', 'enrollments', 'courses', 'academicSessions'] as const).map(value => ({ value, label: ENTITIES[value] }))];
const STATUSES = [{ value: '', label: 'Any status' }, { value: 'active', label: 'Active' }, { value: 'inactive', label: 'Inactive or removed' }] as const;

/** Who and what is on the platform now. What one looks at is in the URL. */
export function RosterPage() {
  const { groupId = '' } = useParams();
  const api = useApi();
  const contacts = useContacts();
  useTitle('Roster');
  const [params, setParams] = useSearchParams();
  const said = (name: string) => params.get(name) ?? '';
  const of = OF.find(each => each.value === said('of')) ?? PEOPLE;
  const status = STATUSES.find(each => each.value === said('status')) ?? STATUSES[0];
  const [school, search, sort, place, id] = [said('school'), said('search'), said('sort') || 'name', Number(said('page') || 1), said('id')];
  const look = (next: Record<string, string>) => {
    const whole = { ...Object.fromEntries(params), page: '', id: '', ...next };
    setParams(Object.fromEntries(Object.entries(whole).filter(([, value]) => value)), { replace: 'search' in next });
  };
  const group = useQuery({ queryKey: ['group', groupId], queryFn: () => data(api.GET('/groups/{groupId}', { params: { path: { groupId } } })) });
  const schools = useQuery({
    queryKey: ['roster', groupId, 'schools'],
    queryFn: () => whole(query => api.GET('/groups/{groupId}/roster/{entity}', { params: { path: { groupId, entity: 'orgs' }, query } })),
  });
  const columns: TableProps.ColumnDefinition<Schemas['RosterRow']>[] = [
    { id: 'name', header: 'Name', isRowHeader: true, minWidth: 180, sortingField: 'name', cell: row => <Link href={`?of=${of.value}&id=${encodeURIComponent(row.sourcedId)}`} onFollow={event => { event.preventDefault(); look({ page: said('page'), id: row.sourcedId }); }}>{row.name || row.sourcedId}</Link> },
    { id: 'sourcedId', header: 'sourcedId', minWidth: 120, sortingField: 'sourcedId', cell: row => row.sourcedId },
    ...(of.value === 'users' ? [{ id: 'username', header: 'Username', minWidth: 140, cell: (row: Schemas['RosterRow']) => text(row.fields['username']) }] : []),
    { id: 'schools', header: 'Schools', minWidth: 150, cell: row => row.schools.join(', ') || '–' },
    { id: 'status', header: 'Status', minWidth: 130, sortingField: 'platformStatus', cell: row => <PlatformStatus record={row} graceDays={group.data?.graceDays} /> },
  ];
  const { pageSize, table } = usePreferences(`roster/${of.value}`, columns, 25, () => look({}));
  const { data: page, error, isPending, refetch } = useQuery({
    queryKey: ['roster', groupId, of.value, status.value, school, search, sort, place, pageSize, contacts.show],
    queryFn: () => data(api.GET('/groups/{groupId}/roster/{entity}', { params: { path: { groupId, entity: of.value }, query: {
      status: status.value, school, search, sort, limit: pageSize, page: place, ...contacts.show } } })),
    placeholderData: keepPreviousData,
  });
  const everySchool = { value: '', label: 'Every school' };
  const offered = [everySchool, ...(schools.data?.items ?? []).map(each => ({ value: each.sourcedId, label: each.name || each.sourcedId }))];
  const sorted = columns.find(column => column.sortingField === sort.replace('-', ''));
  const total = page?.total ?? 0;
  const narrowed = !!(search || school || status.value);
  return (
    <ContentLayout header={<Header variant="h1" description={group.data?.name}>Roster</Header>}>
      <SpaceBetween size="l">
        <GroupNav groupId={groupId} />
        {id && <RecordPanel groupId={groupId} entity={of.value} id={id} graceDays={group.data?.graceDays} onClose={() => look({ page: said('page') })} onOpen={(other, otherId) => look({ of: other, id: otherId, search: '', school: '', status: '' })} />}
        {error && !page ? <Problem error={error} onRetry={() => void refetch()} /> : (
          <Table
            items={page?.items ?? []} trackBy="sourcedId" wrapLines loading={isPending} loadingText="Loading the roster"
            header={<Header variant="h2" counter={page && `(${number(total)})`} description="What this group has brought onto the platform, as its last sync left it.">{of.label} on the platform</Header>}
            filter={
              <SpaceBetween size="xs" direction="horizontal">
                <TextFilter filteringText={search} filteringPlaceholder="Find by name or id" filteringAriaLabel="Find in the roster" onChange={({ detail }) => look({ search: detail.filteringText })} />
                <Select ariaLabel="Record type" selectedOption={of} options={OF} onChange={({ detail }) => look({ of: detail.selectedOption.value ?? '', sort: '' })} />
                <Select ariaLabel="School" filteringType="auto" virtualScroll selectedOption={offered.find(each => each.value === school) ?? everySchool} options={offered} onChange={({ detail }) => look({ school: detail.selectedOption.value ?? '' })} />
                <Select ariaLabel="Status" selectedOption={status} options={STATUSES} onChange={({ detail }) => look({ status: detail.selectedOption.value ?? '' })} />
              </SpaceBetween>
            }
            {...(sorted ? { sortingColumn: sorted, sortingDescending: sort.startsWith('-') } : {})}
            onSortingChange={({ detail }) => look({ sort: `${detail.isDescending ? '-' : ''}${detail.sortingColumn.sortingField ?? ''}` })}
            pagination={total > pageSize && <Pagination currentPageIndex={place} pagesCount={Math.ceil(total / pageSize)} onChange={({ detail }) => look({ page: String(detail.currentPageIndex) })}
              ariaLabels={{ nextPageLabel: 'Next page', previousPageLabel: 'Previous page', pageLabel: n => `Page ${n}` }} />}
            columnDefinitions={columns} {...table}
            footer={contacts.hidden && <ShowContacts contacts={contacts} of={page?.items.map(row => [row.name, row.fields['username']])} />}
            empty={<Box textAlign="center" padding="l"><SpaceBetween size="s">
              {narrowed ? 'No records match.' : page?.syncId ? 'The platform has none of these.' : 'Nothing is on the platform yet. Sync this group first.'}
              {narrowed && <Button onClick={() => look({ search: '', school: '', status: '' })}>Show all</Button>}
            </SpaceBetween></Box>}
          />
        )}
      </SpaceBetween>
    </ContentLayout>
  );
}

const text = (value: unknown) => (typeof value === 'string' && value ? value : '–');
