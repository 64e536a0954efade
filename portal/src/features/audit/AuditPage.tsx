import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import ContentLayout from '@cloudscape-design/components/content-layout';
import Header from '@cloudscape-design/components/header';
import Link from '@cloudscape-design/components/link';
import SpaceBetween from '@cloudscape-design/components/space-between';
import type { TableProps } from '@cloudscape-design/components/table';
import TextFilter from '@cloudscape-design/components/text-filter';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useNavigate, useParams, useSearchParams } from 'react-router';
import { BY_CURSOR, data, useApi, type Schemas } from '../../api/client';
import { GroupNav } from '../../app/GroupNav';
import { readable } from '../../api/plain';
import { usePreferences } from '../../app/preferences';
import { Problem } from '../../app/Problem';
import { StackedTable } from '../../app/stacked';
import { useTitle } from '../../app/title';
import { capital, inWords, moment } from '../../app/words';

const PAGE = 50;

/** Who did what to this group. What is searched for is in the URL. */
export function AuditPage() {
  const { groupId = '' } = useParams();
  const api = useApi();
  const navigate = useNavigate();
  useTitle('Audit');
  const [params, setParams] = useSearchParams();
  const search = params.get('search') ?? '';
  const group = useQuery({ queryKey: ['group', groupId], queryFn: () => data(api.GET('/groups/{groupId}', { params: { path: { groupId } } })) });
  const entries = useInfiniteQuery({
    queryKey: ['audit', groupId, search],
    queryFn: ({ pageParam }) => data(api.GET('/groups/{groupId}/audit', { params: { path: { groupId }, query: { search, limit: PAGE, cursor: pageParam } } })),
    ...BY_CURSOR,
  });
  const items = entries.data?.pages.flatMap(page => page.items) ?? [];
  const find = (wanted: string) => setParams(wanted ? { search: wanted } : {}, { replace: true });
  const columns: TableProps.ColumnDefinition<Schemas['AuditEntry']>[] = [
    { id: 'at', header: 'When', minWidth: 170, cell: entry => moment(entry.at) },
    { id: 'who', header: 'Who', minWidth: 130, cell: entry => entry.name || entry.who },
    { id: 'what', header: 'What', isRowHeader: true, minWidth: 180, cell: entry => capital(entry.what) },
    { id: 'detail', header: 'Details', minWidth: 220, cell: entry => detailOf(entry) || '–' },
    { id: 'sync', header: 'Sync', minWidth: 120, cell: entry => <SyncLink entry={entry} onOpen={href => void navigate(href)} groupId={groupId} /> },
  ];
  const preferred = usePreferences('audit', columns);
  return (
    <ContentLayout header={<Header variant="h1" description={group.data?.name}>Audit</Header>}>
      <SpaceBetween size="l">
        <GroupNav groupId={groupId} />
        {entries.error && !entries.data ? <Problem error={entries.error} onRetry={() => void entries.refetch()} /> : (
          <StackedTable
            items={items} trackBy="at" wrapLines loading={entries.isPending} loadingText="Loading entries"
            header={<Header variant="h2" description="Newest first. Entries stay even after a group’s syncs and files are deleted.">Who did what</Header>}
            filter={<TextFilter filteringText={search} filteringPlaceholder="Find by person, what was done, or sync" filteringAriaLabel="Find entries" onChange={({ detail }) => find(detail.filteringText)} />}
            columnDefinitions={columns} {...preferred.table}
            footer={entries.hasNextPage && <Box textAlign="center"><Button loading={entries.isFetchingNextPage} onClick={() => void entries.fetchNextPage()}>Show older entries</Button></Box>}
            empty={<Box textAlign="center" padding="l"><SpaceBetween size="s">{search ? `No entry has “${search}” in it.` : 'Nothing has been done to this group yet.'}{search && <Button onClick={() => find('')}>Show all entries</Button>}</SpaceBetween></Box>}
          />
        )}
      </SpaceBetween>
    </ContentLayout>
  );
}

function SyncLink({ entry, groupId, onOpen }: { entry: Schemas['AuditEntry']; groupId: string; onOpen: (href: string) => void }) {
  if (!entry.syncId) return '–';
  const href = `/groups/${groupId}/syncs/${entry.syncId}/changes`;
  return <Link href={href} ariaLabel={`Changes of ${readable(`sync ${entry.syncId}`)}`} onFollow={event => { event.preventDefault(); onOpen(href); }}>Changes</Link>;
}

/** What an entry says beside its name: field: value, the empty ones left out. */
function detailOf(entry: Schemas['AuditEntry']): string {
  return Object.entries(entry.detail)
    .filter(([, value]) => value !== '' && value != null)
    .map(([name, value]) => `${capital(name)}: ${Array.isArray(value) ? value.join(', ') : typeof value === 'string' ? said(value) : inWords(value)}`)
    .join('; ');
}

/** Moments in the viewer's time, a sync by its moment, everything else as it is. */
const said = (value: string) => (/^\d{4}-\d\d-\d\dT/.test(value) ? moment(value) : value === 'approveWithoutRemovals' ? 'approve without removals' : readable(value));
