import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Header from '@cloudscape-design/components/header';
import Link from '@cloudscape-design/components/link';
import SpaceBetween from '@cloudscape-design/components/space-between';
import type { TableProps } from '@cloudscape-design/components/table';
import TextFilter from '@cloudscape-design/components/text-filter';
import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useNavigate, useSearchParams } from 'react-router';
import { useApi, type Schemas } from '../../api/client';
import { groupsQuery } from '../../app/groupsQuery';
import { usePreferences } from '../../app/preferences';
import { Problem } from '../../app/Problem';
import { useMay, useMe } from '../../app/role';
import { StackedTable } from '../../app/stacked';
import { useTitle } from '../../app/title';
import { ImportButton } from './ImportButton';
import { Standing } from '../../app/Standing';
import { METHODS, moment, nextRun, number } from '../../app/words';
import { pauseOf } from '../../app/pause';
import { GroupMenu } from '../../app/GroupMenu';
import { Expires } from './Expires';
import { LostArrivalsNotice } from '../../app/Arrivals';

/** What is done in which order by somebody who has just arrived. */
const FIRST_TIME = [
  'Create a group and give it the district’s name. With the method ZIP, nothing else is needed.',
  'Open its Actions, choose Selective sync, and give it the district’s OneRoster ZIP.',
  'Select schools, classes and people, on the page or in a spreadsheet.',
  'Preview the changes. Nothing is written until you approve them.',
];

export function GroupsPage() {
  useTitle('Groups');
  const api = useApi();
  const navigate = useNavigate();
  const may = useMay();
  const me = useMe();
  const [params, setParams] = useSearchParams();
  const [search, setSearch] = useState(params.get('search') ?? ''); // the URL follows, since it is too slow for who types fast
  const find = (text: string) => {
    setSearch(text);
    setParams(text ? { search: text } : {}, { replace: true });
  };
  const { data: pages, error, isPending, isPlaceholderData, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } = useInfiniteQuery({
    ...groupsQuery(api, search),
    placeholderData: keepPreviousData,
  });
  const found = pages?.pages.flatMap(page => page.items);
  const total = pages?.pages.at(-1)?.total;
  const columns: TableProps.ColumnDefinition<Schemas['GroupOut']>[] = [
    {
      id: 'name', header: 'Name', isRowHeader: true, minWidth: 170, maxWidth: 480,
      cell: group => (
        <Link href={`/groups/${group.groupId}/status`} onFollow={event => { event.preventDefault(); void navigate(`/groups/${group.groupId}/status`); }}>
          {group.name}
        </Link>
      ),
    },
    { id: 'actions', header: 'Actions', minWidth: 170, cell: group => <GroupMenu group={group} variant="normal" /> },
    {
      id: 'method', header: 'Method', minWidth: 90,
      cell: ({ source }) => <>{METHODS[source.method]}{source.method !== 'zip' && <Expires mark={source.credentials} urgent />}</>,
    },
    {
      id: 'status', header: 'Last sync status', minWidth: 160,
      cell: group => group.lastSync
        ? <Standing sync={group.lastSync} />
        : 'Never synced',
    },
    { id: 'at', header: 'Last sync date', minWidth: 200, cell: group => moment(group.lastSync?.at) },
    { id: 'next', header: 'Next sync', minWidth: 140, cell: group => (pauseOf(group) ? 'Paused' : nextRun(group.nextRunAt)) },
    { id: 'edit', header: 'Configuration', minWidth: 120, cell: group => <Button variant="inline-link" {...may('admin')} ariaLabel={`Edit ${group.name}`} onClick={() => void navigate(`/groups/${group.groupId}`)}>Edit</Button> },
  ];
  const preferred = usePreferences('groups', columns);
  const nothing = me.role === 'admin' ? 'There are no groups yet. Create one to bring in a district.' : 'You don’t have access to any group yet. Ask an administrator.';
  if (error && !found) return <Problem error={error} onRetry={() => void refetch()} />;
  return (
    <>
    <LostArrivalsNotice />
    <StackedTable
      variant="full-page"
      enableKeyboardNavigation
      wrapLines
      ariaLabels={{ tableLabel: 'Groups' }}
      columnDefinitions={columns}
      {...preferred.table}
      items={found ?? []}
      trackBy="groupId"
      loading={isPending}
      loadingText="Loading groups"
      header={
        <Header variant="h1" counter={total === undefined ? '' : `(${number(total)})`} description="Each group is one district: where its roster comes from, and how it is synced."
          actions={<SpaceBetween size="xs" direction="horizontal"><ImportButton /><Button variant="primary" {...may('admin')} onClick={() => void navigate('/groups/new')}>Create group</Button></SpaceBetween>}>
          Groups
        </Header>
      }
      filter={
        <TextFilter filteringText={search} filteringPlaceholder="Find a group by name" filteringAriaLabel="Find a group by name"
          countText={search && total !== undefined && !isPlaceholderData ? `${number(total)} found` : ''}
          onChange={({ detail }) => find(detail.filteringText)} />
      }
      footer={hasNextPage && <Box textAlign="center"><Button loading={isFetchingNextPage} onClick={() => void fetchNextPage()}>Show more groups</Button></Box>}
      empty={
        <Box textAlign="center" padding="l">
          <SpaceBetween size="s">
            {search ? `No group has “${search}” in its name.` : nothing}
            {!search && me.role === 'admin' && <ol className="guide">{FIRST_TIME.map(each => <li key={each}>{each}</li>)}</ol>}
            {search && <Button onClick={() => find('')}>Show all groups</Button>}
          </SpaceBetween>
        </Box>
      }
    />
    </>
  );
}
