import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import ContentLayout from '@cloudscape-design/components/content-layout';
import Header from '@cloudscape-design/components/header';
import Modal from '@cloudscape-design/components/modal';
import Pagination from '@cloudscape-design/components/pagination';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Spinner from '@cloudscape-design/components/spinner';
import type { TableProps } from '@cloudscape-design/components/table';
import TextFilter from '@cloudscape-design/components/text-filter';
import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { lazy, Suspense, useState } from 'react';
import { useNavigate, useParams, useSearchParams } from 'react-router';
import { BY_CURSOR, data, useApi, type Schemas } from '../../api/client';
import { GroupNav } from '../../app/GroupNav';
import { LogFiles } from '../../app/LogFiles';
import { readable } from '../../api/plain';
import { usePreferences } from '../../app/preferences';
import { Problem } from '../../app/Problem';
import { StackedTable } from '../../app/stacked';
import { useTitle } from '../../app/title';
import { Standing } from '../../app/Standing';
import { entityName, kindOf, moment, number, resultOf, STATES } from '../../app/words';

const Trends = lazy(async () => ({ default: (await import('./Trends')).Trends })); // charts are heavy, and shown once there is a history
const ENTITIES = ['orgs', 'classes', 'users', 'enrollments', 'courses', 'academicSessions'] as const;
const ANY = { value: '', label: 'Any status' };
const PAGE = 25;

/** Every sync that is kept; tick two, and see what came and went between them. What is ticked is in the URL. */
export function HistoryPage() {
  const { groupId = '' } = useParams();
  const api = useApi();
  useTitle('History');
  const [params, setParams] = useSearchParams();
  const from = params.get('from');
  const to = params.get('to');
  const [state, setState] = useState('');
  const [filesOf, setFilesOf] = useState<Schemas['Sync'] | null>(null);
  const [picked, setPicked] = useState<Schemas['Sync'][]>([]);
  const group = useQuery({ queryKey: ['group', groupId], queryFn: () => data(api.GET('/groups/{groupId}', { params: { path: { groupId } } })) });
  const navigate = useNavigate();
  const { data: pages, error, isPending, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } = useInfiniteQuery({
    queryKey: ['history', groupId, 'all'],
    queryFn: ({ pageParam }) => data(api.GET('/groups/{groupId}/syncs', { params: { path: { groupId }, query: { limit: 200, cursor: pageParam } } })),
    ...BY_CURSOR,
  });
  const known = pages?.pages.flatMap(page => page.items);
  const shown = (known ?? []).filter(sync => !state || sync.state === state);
  const two = [...picked].sort((a, b) => a.startedAt.localeCompare(b.startedAt));
  const columns: TableProps.ColumnDefinition<Schemas['Sync']>[] = [
    { id: 'at', header: 'Started', isRowHeader: true, minWidth: 130, cell: sync => moment(sync.startedAt, true) },
    { id: 'state', header: 'Status', minWidth: 180, cell: sync => <Standing sync={sync} /> },
    { id: 'files', header: 'Log and data', minWidth: 110, cell: sync => (
      <SpaceBetween size="xxs">
        <Button variant="inline-link" ariaLabel={`Files of the sync of ${moment(sync.startedAt)}`} onClick={() => setFilesOf(sync)}>Files</Button>
        {planned(sync) && <Button variant="inline-link" ariaLabel={`Changes of the sync of ${moment(sync.startedAt)}`} onClick={() => void navigate(`/groups/${groupId}/syncs/${sync.syncId}/changes`)}>Changes</Button>}
      </SpaceBetween>) },
    { id: 'message', header: 'Result', minWidth: 200, cell: sync => `${resultOf(readable(sync.message), sync.state)}${sync.state === 'superseded' && sync.bundleName ? ` File: ${sync.bundleName}` : ''}` },
    { id: 'mode', header: 'Kind', cell: sync => sync.undoes ? `Undo of ${readable(`sync ${sync.undoes}`)}` : kindOf(sync) },
    { id: 'by', header: 'By', cell: sync => sync.startedBy },
  ];
  const preferred = usePreferences('history', columns);
  const states = [ANY, ...Object.entries(STATES).map(([value, { label }]) => ({ value, label }))];
  return (
    <ContentLayout header={<Header variant="h1" description={group.data?.name}>History</Header>}>
      <SpaceBetween size="l">
        <GroupNav groupId={groupId} />
        {known && known.length > 1 && <Suspense fallback={null}><Trends groupId={groupId} syncs={known} /></Suspense>}
        {error && !known ? <Problem error={error} onRetry={() => void refetch()} /> : (
          <StackedTable
            items={shown} trackBy="syncId" wrapLines loading={isPending} loadingText="Loading syncs"
            selectionType="multi" selectedItems={picked} onSelectionChange={({ detail }) => setPicked(detail.selectedItems)}
            ariaLabels={{ allItemsSelectionLabel: () => 'Select all', itemSelectionLabel: (_, sync) => `Select the sync of ${moment(sync.startedAt)}`, selectionGroupLabel: 'Syncs to compare' }}
            header={<Header variant="h2" counter={known && `(${number(shown.length)}${hasNextPage ? '+' : ''})`} description={`Select two of them to compare what they read.${group.data ? ` Kept for ${number(group.data.retentionDays)} days.` : ''}`}
              actions={<Button {...(two.length === 2 ? {} : { disabled: true, disabledReason: 'Select two syncs first.' })} onClick={() => setParams({ from: two[0]?.syncId ?? '', to: two[1]?.syncId ?? '' })}>Compare</Button>}>Syncs</Header>}
            filter={<Select ariaLabel="Status" selectedOption={states.find(each => each.value === state) ?? ANY} options={states} onChange={({ detail }) => setState(detail.selectedOption.value ?? '')} />}
            columnDefinitions={columns} {...preferred.table}
            footer={hasNextPage && <Box textAlign="center"><Button loading={isFetchingNextPage} onClick={() => void fetchNextPage()}>Show older syncs</Button></Box>}
            empty={<Box textAlign="center" padding="l">{state ? 'No syncs with this status.' : 'This group has never been synced.'}</Box>}
          />
        )}
        {filesOf && (
          <Modal visible onDismiss={() => setFilesOf(null)} header={`The sync of ${moment(filesOf.startedAt)}`} footer={<Box float="right"><Button onClick={() => setFilesOf(null)}>Close</Button></Box>}>
            <LogFiles syncId={filesOf.syncId} none="This sync has no files: it ended before anything was read, or they are no longer kept." />
          </Modal>
        )}
        {from && to && <Compared key={`${from} ${to}`} groupId={groupId} from={from} to={to} />}
      </SpaceBetween>
    </ContentLayout>
  );
}

/** A bundle that is refused has no changes to look at. */
function planned(sync: Schemas['Sync']): boolean {
  return !!sync.sameAs || sync.progress.some(each => each.step === 'plan' && each.endedAt);
}

interface Two { groupId: string; from: string; to: string }

function Compared({ groupId, from, to }: Two) {
  const api = useApi();
  const { data: said, error, refetch } = useQuery({
    queryKey: ['compare', from, to],
    queryFn: () => data(api.GET('/groups/{groupId}/compare', { params: { path: { groupId }, query: { from, to } } })),
    staleTime: Infinity,
  });
  if (error) return <Problem error={error} onRetry={() => void refetch()} />;
  if (!said) return <Box><Spinner /> Comparing…</Box>;
  return (
    <SpaceBetween size="l">
      <StackedTable
        items={ENTITIES.map(entity => ({ entity, ...said.counts[entity] }))} trackBy="entity" wrapLines
        header={<Header variant="h2" description={`What the sync of ${moment(said.before.startedAt)} read, and the one of ${moment(said.after.startedAt)}.`}>Compared</Header>}
        columnDefinitions={[
          { id: 'entity', header: 'Record type', isRowHeader: true, cell: each => entityName(each.entity) },
          { id: 'before', header: 'Earlier', cell: each => number(each.before ?? 0) },
          { id: 'after', header: 'Later', cell: each => number(each.after ?? 0) },
          { id: 'came', header: 'Added', cell: each => number(each.came ?? 0) },
          { id: 'went', header: 'Gone', cell: each => number(each.went ?? 0) },
        ]}
      />
      <Schools schools={said.schools} />
      <Moved groupId={groupId} from={from} to={to} />
    </SpaceBetween>
  );
}

function Schools({ schools }: { schools: Schemas['Comparison']['schools'] }) {
  const [place, setPlace] = useState(1);
  return (
    <StackedTable
      items={schools.slice((place - 1) * PAGE, place * PAGE)} trackBy="sourcedId" wrapLines
      header={<Header variant="h2" counter={`(${number(schools.length)})`} description="Schools with the most changes first.">By school</Header>}
      pagination={schools.length > PAGE && <Pages place={place} total={schools.length} onChange={setPlace} />}
      columnDefinitions={[
        { id: 'name', header: 'School', isRowHeader: true, cell: each => `${each.name}${each.came ? ' (new)' : each.went ? ' (gone)' : ''}` },
        { id: 'users', header: 'People, earlier → later', cell: each => `${number(each.usersBefore)} → ${number(each.usersAfter)}` },
        { id: 'people', header: 'People added, gone', cell: each => `${number(each.usersCame)}, ${number(each.usersWent)}` },
        { id: 'classes', header: 'Classes, earlier → later', cell: each => `${number(each.classesBefore)} → ${number(each.classesAfter)}` },
        { id: 'moved', header: 'Classes added, gone', cell: each => `${number(each.classesCame)}, ${number(each.classesWent)}` },
      ]}
      empty={<Box textAlign="center">Neither sync has a school.</Box>}
    />
  );
}

const OF = [{ value: 'users', label: 'People' }, { value: 'classes', label: 'Classes' }, { value: 'orgs', label: 'Schools and orgs' }] as const;
const WAYS = [{ value: 'came', label: 'Added' }, { value: 'went', label: 'Gone' }] as const;

function Moved({ groupId, from, to }: Two) {
  const api = useApi();
  const [of, setOf] = useState<(typeof OF)[number]>(OF[0]);
  const [way, setWay] = useState<(typeof WAYS)[number]>(WAYS[0]);
  const [search, setSearch] = useState('');
  const [place, setPlace] = useState(1);
  const { data: page, error, isPending, refetch } = useQuery({
    queryKey: ['moved', from, to, of.value, way.value, search, place],
    queryFn: () => data(api.GET('/groups/{groupId}/compare/rows', { params: { path: { groupId }, query: { from, to, entity: of.value, way: way.value, search, limit: PAGE, page: place } } })),
    placeholderData: keepPreviousData,
  });
  if (error && !page) return <Problem error={error} onRetry={() => void refetch()} />;
  const total = page?.total ?? 0;
  return (
    <StackedTable
      items={page?.items ?? []} trackBy="sourcedId" loading={isPending} loadingText="Loading"
      header={<Header variant="h2" counter={`(${number(total)})`}>Added and gone</Header>}
      filter={
        <SpaceBetween size="xs" direction="horizontal">
          <TextFilter filteringText={search} filteringPlaceholder="Find by name or sourcedId" filteringAriaLabel="Find who was added or is gone" onChange={({ detail }) => { setSearch(detail.filteringText); setPlace(1); }} />
          <Select ariaLabel="Record type" selectedOption={of} options={OF} onChange={({ detail }) => { setOf(OF.find(each => each.value === detail.selectedOption.value) ?? OF[0]); setPlace(1); }} />
          <Select ariaLabel="Added or gone" selectedOption={way} options={WAYS} onChange={({ detail }) => { setWay(WAYS.find(each => each.value === detail.selectedOption.value) ?? WAYS[0]); setPlace(1); }} />
        </SpaceBetween>
      }
      pagination={total > PAGE && <Pages place={place} total={total} onChange={setPlace} />}
      columnDefinitions={[
        { id: 'name', header: 'Name', isRowHeader: true, cell: each => each.name || '–' },
        { id: 'id', header: 'sourcedId', cell: each => each.sourcedId },
      ]}
      empty={<Box textAlign="center">{way.value === 'came' ? 'Nothing was added.' : 'Nothing is gone.'}</Box>}
    />
  );
}

function Pages({ place, total, onChange }: { place: number; total: number; onChange: (place: number) => void }) {
  return <Pagination currentPageIndex={place} pagesCount={Math.ceil(total / PAGE)} onChange={({ detail }) => onChange(detail.currentPageIndex)} ariaLabels={{ nextPageLabel: 'Next page', previousPageLabel: 'Previous page', pageLabel: n => `Page ${n}` }} />;
}
