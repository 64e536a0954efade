import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Header from '@cloudscape-design/components/header';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from 'react-router';
import { data, useApi, type Schemas } from '../api/client';
import { Problem } from './Problem';
import { useMe } from './role';
import { StackedTable } from './stacked';
import { isLive, moment, number, resultOf, STATES } from './words';

type Arrival = Schemas['Arrival'];

const became = (each: Arrival) =>
  each.syncState
    ? <StatusIndicator type={STATES[each.syncState].type}>{`Sync: ${STATES[each.syncState].label.toLowerCase()}`}</StatusIndicator>
    : <StatusIndicator type="warning">Not synced</StatusIndicator>;

/** What came into a group's drop folder; nothing at all while nothing ever has. */
export function GroupArrivals({ groupId }: { groupId: string }) {
  const api = useApi();
  const { data: page, error, refetch } = useQuery({
    queryKey: ['arrivals', groupId],
    queryFn: () => data(api.GET('/groups/{groupId}/arrivals', { params: { path: { groupId }, query: { limit: 20 } } })),
    refetchInterval: query => (query.state.data?.items.some(each => each.syncState && isLive(each.syncState)) ? 3000 : 15_000),
  });
  if (error && !page) return <Problem error={error} onRetry={() => void refetch()} />;
  if (!page?.items.length) return null;
  return <ArrivalTable items={page.items} title="Files that arrived" description={`Files dropped into drop/${groupId}/, newest first.`} />;
}

/** Says so above the groups when files arrived for none of them; silent for those who may not see every group. */
export function LostArrivalsNotice() {
  const api = useApi();
  const me = useMe();
  const navigate = useNavigate();
  const { data: page } = useQuery({
    queryKey: ['arrivals', 'any'],
    queryFn: () => data(api.GET('/arrivals', { params: { query: { limit: 1 } } })),
    staleTime: 60_000,
    enabled: me.role === 'admin' && me.groups === null,
  });
  const last = page?.items[0];
  if (!last) return null;
  return (
    <Alert type="warning" header="A file arrived that matches no group" action={<Button onClick={() => void navigate('/arrivals')}>See these files</Button>}>
      The last one arrived {moment(last.at)}. Its folder doesn’t belong to any group, so it was not synced.
    </Alert>
  );
}

/** Files, newest first, each with what became of it. */
export function ArrivalTable({ items, title, description, loading }: { items: Arrival[]; title: string; description: string; loading?: boolean }) {
  return (
    <StackedTable
      items={items}
      trackBy="arrivalId"
      wrapLines
      loading={loading ?? false}
      loadingText="Loading files"
      header={<Header variant="h2" description={description}>{title}</Header>}
      columnDefinitions={[
        { id: 'at', header: 'Arrived', cell: each => moment(each.at) },
        { id: 'name', header: 'File', isRowHeader: true, cell: each => each.name || '(folder)' },
        { id: 'size', header: 'Size', cell: each => `${number(Math.ceil(each.sizeBytes / 1024))} KB` },
        { id: 'became', header: 'Outcome', cell: became },
        { id: 'message', header: 'Why', cell: each => resultOf(each.message, each.syncState) },
      ]}
      empty={<Box textAlign="center">No unmatched files.</Box>}
    />
  );
}
