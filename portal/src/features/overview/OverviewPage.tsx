import Box from '@cloudscape-design/components/box';
import Header from '@cloudscape-design/components/header';
import Link from '@cloudscape-design/components/link';
import Pagination from '@cloudscape-design/components/pagination';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import type { TableProps } from '@cloudscape-design/components/table';
import TextFilter from '@cloudscape-design/components/text-filter';
import Button from '@cloudscape-design/components/button';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useNavigate, useSearchParams } from 'react-router';
import { data, useApi, type Schemas } from '../../api/client';
import { readable } from '../../api/plain';
import { LostArrivalsNotice } from '../../app/Arrivals';
import { usePreferences } from '../../app/preferences';
import { Problem } from '../../app/Problem';
import { StackedTable } from '../../app/stacked';
import { useTitle } from '../../app/title';
import { Standing } from '../../app/Standing';
import { METHODS, moment, nextRun, number, plural } from '../../app/words';

type Row = Schemas['OverviewRow'];

/** Why a group needs somebody, the most pressing first, and where that is done. */
const NEEDS: Record<Row['needs'][number], { label: string; type: 'warning' | 'error' | 'info'; rank: number; to: (row: Row) => string }> = {
  held: { label: 'Held: review changes', type: 'warning', rank: 0, to: row => `/groups/${row.groupId}/syncs/${row.syncId ?? ''}/changes` },
  decision: { label: 'Changes to review', type: 'info', rank: 1, to: row => `/groups/${row.groupId}/syncs/${row.syncId ?? ''}/changes` },
  choice: { label: 'Waiting for your selection', type: 'info', rank: 2, to: row => `/groups/${row.groupId}/selective` },
  failed: { label: 'Last sync failed', type: 'error', rank: 3, to: row => `/groups/${row.groupId}/status` },
  late: { label: 'Scheduled sync is late', type: 'warning', rank: 4, to: row => `/groups/${row.groupId}/status` },
  secret: { label: 'Password or key expires soon', type: 'warning', rank: 5, to: row => `/groups/${row.groupId}` },
  newSchools: { label: 'New schools to decide about', type: 'info', rank: 6, to: row => `/groups/${row.groupId}/status` },
};
const rank = (row: Row) => Math.min(99, ...row.needs.map(need => NEEDS[need].rank));
const OPTIONS = [{ value: '', label: 'All groups' }, { value: 'any', label: 'Needs attention' }, ...Object.entries(NEEDS).map(([value, { label }]) => ({ value, label }))];

/** All groups at a glance, those that need somebody first. What is filtered and sorted by is in the address. */
export function OverviewPage() {
  useTitle('Overview');
  const api = useApi();
  const navigate = useNavigate();
  const [params, setParams] = useSearchParams();
  const [search, setSearch] = useState(params.get('search') ?? '');
  const need = params.get('need') ?? '';
  const sort = params.get('sort') ?? 'needs';
  const [place, setPlace] = useState(1);
  const { data: overview, error, isPending, refetch } = useQuery({ queryKey: ['overview'], queryFn: () => data(api.GET('/overview')), refetchInterval: 30_000 });
  const look = (next: Record<string, string>) => {
    setPlace(1);
    setParams(Object.fromEntries(Object.entries({ search, need, sort, ...next }).filter(([name, value]) => value && !(name === 'sort' && value === 'needs'))), { replace: true });
  };
  const columns: TableProps.ColumnDefinition<Row>[] = [
    { id: 'name', header: 'Group', isRowHeader: true, minWidth: 180, sortingField: 'name', cell: row => <><Follow to={`/groups/${row.groupId}/status`} go={navigate}>{row.name}</Follow>{(row.partnerId || row.description) && <Box variant="small" display="block">{row.partnerId || row.description}</Box>}</> },
    { id: 'needs', header: 'Needs you', minWidth: 240, sortingField: 'needs', cell: row => (row.needs.length ? <SpaceBetween size="xxs">{row.needs.map(each => <StatusIndicator key={each} type={NEEDS[each].type}><Follow to={NEEDS[each].to(row)} go={navigate} label={`${NEEDS[each].label}: ${row.name}`}>{NEEDS[each].label}</Follow></StatusIndicator>)}</SpaceBetween> : '–') },
    { id: 'state', header: 'Last sync', minWidth: 180, sortingField: 'state', cell: row => (row.state ? <Standing sync={{ ...row, state: row.state }} /> : 'Never synced') },
    { id: 'at', header: 'Date', minWidth: 150, sortingField: 'at', cell: row => moment(row.at) },
    { id: 'result', header: 'Result', minWidth: 190, cell: row => readable(row.message) || '–' },
    { id: 'next', header: 'Next sync', minWidth: 140, sortingField: 'nextRunAt', cell: row => (row.paused ? 'Paused' : nextRun(row.nextRunAt)) },
    { id: 'method', header: 'Method', sortingField: 'method', cell: row => METHODS[row.method] },
  ];
  const preferred = usePreferences('overview', columns, 50, () => setPlace(1));
  const PAGE = preferred.pageSize;
  const key = sort.replace('-', '');
  const found = useMemo(() => {
    const wanted = search.trim().toLocaleLowerCase();
    const rows = (overview?.items ?? []).filter(row => (!wanted || `${row.name} ${row.partnerId} ${row.description}`.toLocaleLowerCase().includes(wanted)) && (!need || (need === 'any' ? row.needs.length > 0 : row.needs.some(each => each === need))));
    const value = (row: Row) => (key === 'needs' ? String(rank(row)).padStart(2, '0') : (row[key as 'name' | 'state' | 'at' | 'nextRunAt' | 'method'] ?? '￿').toLocaleLowerCase());
    const ordered = [...rows].sort((a, b) => value(a).localeCompare(value(b)) || a.name.localeCompare(b.name));
    return sort.startsWith('-') ? ordered.reverse() : ordered;
  }, [overview, search, need, sort, key]);
  const sorted = columns.find(column => column.sortingField === key);
  if (error && !overview) return <Problem error={error} onRetry={() => void refetch()} />;
  const needing = overview?.items.filter(row => row.needs.length > 0).length ?? 0;
  return (
    <SpaceBetween size="l">
      <LostArrivalsNotice />
      <StackedTable
        items={found.slice((place - 1) * PAGE, place * PAGE)} trackBy="groupId" wrapLines loading={isPending} loadingText="Loading groups" stickyColumns={{ first: 1 }}
        ariaLabels={{ tableLabel: 'Overview of all groups' }}
        header={<Header variant="h1" counter={overview && `(${number(found.length)})`} description={overview && (needing ? `${plural(needing, 'group needs', 'groups need')} attention.` : 'No group needs attention.')}>Overview</Header>}
        filter={<SpaceBetween size="xs" direction="horizontal">
          <TextFilter filteringText={search} filteringPlaceholder="Find a group" filteringAriaLabel="Find a group" onChange={({ detail }) => { setSearch(detail.filteringText); look({ search: detail.filteringText }); }} />
          <Select ariaLabel="Show" selectedOption={OPTIONS.find(each => each.value === need) ?? null} options={OPTIONS} onChange={({ detail }) => look({ need: detail.selectedOption.value ?? '' })} />
        </SpaceBetween>}
        {...(sorted ? { sortingColumn: sorted, sortingDescending: sort.startsWith('-') } : {})}
        onSortingChange={({ detail }) => look({ sort: `${detail.isDescending ? '-' : ''}${detail.sortingColumn.sortingField ?? 'needs'}` })}
        pagination={found.length > PAGE && <Pagination currentPageIndex={place} pagesCount={Math.ceil(found.length / PAGE)} onChange={({ detail }) => setPlace(detail.currentPageIndex)} ariaLabels={{ nextPageLabel: 'Next page', previousPageLabel: 'Previous page', pageLabel: n => `Page ${n}` }} />}
        columnDefinitions={columns} {...preferred.table}
        empty={<Box textAlign="center" padding="l"><SpaceBetween size="s">{search || need ? 'No groups match.' : 'There are no groups yet.'}{(search || need) && <Button onClick={() => { setSearch(''); look({ search: '', need: '' }); }}>Show all groups</Button>}</SpaceBetween></Box>}
      />
    </SpaceBetween>
  );
}

function Follow({ to, go, label, children }: { to: string; go: (to: string) => unknown; label?: string; children: string }) {
  return <Link href={to} {...(label ? { ariaLabel: label } : {})} onFollow={event => { event.preventDefault(); go(to); }}>{children}</Link>;
}
