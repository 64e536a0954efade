import Box from '@cloudscape-design/components/box';
import ContentLayout from '@cloudscape-design/components/content-layout';
import ExpandableSection from '@cloudscape-design/components/expandable-section';
import Header from '@cloudscape-design/components/header';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import { useQuery } from '@tanstack/react-query';
import { useApi, whole, type Schemas } from '../../api/client';
import { Problem } from '../../app/Problem';
import { StackedTable } from '../../app/stacked';
import { useTitle } from '../../app/title';
import { moment, number, plural } from '../../app/words';

type Deletion = Schemas['Deletion'];
const EVERY_MS = 15_000; // while something is still being deleted

/** The groups that were deleted, each with its certificate: what was removed where, and what stays and why. */
export function DeletionsPage() {
  useTitle('Deleted groups');
  const api = useApi();
  const { data: page, error, isPending, refetch } = useQuery({
    queryKey: ['deletions'],
    queryFn: () => whole(query => api.GET('/deletions', { params: { query } })),
    refetchInterval: query => (query.state.data?.items.some(each => each.state === 'running') ? EVERY_MS : false),
  });
  if (error && !page) return <Problem error={error} onRetry={() => void refetch()} />;
  return (
    <ContentLayout header={<Header variant="h1" description="What was deleted with each group, and what stays: its certificate.">Deleted groups</Header>}>
      <StackedTable
        items={page?.items ?? []} trackBy="groupId" wrapLines loading={isPending} loadingText="Loading deleted groups"
        header={<Header variant="h2" counter={page ? `(${number(page.total)})` : ''}>Certificates</Header>}
        columnDefinitions={[
          { id: 'name', header: 'Group', isRowHeader: true, minWidth: 150, cell: each => each.name },
          { id: 'state', header: 'State', minWidth: 180, cell: State },
          { id: 'removed', header: 'Deleted', minWidth: 220, cell: each => <Removed removed={each.removed} /> },
          { id: 'remains', header: 'What stays', minWidth: 220, cell: each => <ExpandableSection variant="inline" headerText={plural(each.remains.length, 'place')}>{each.remains.map(stays => <div key={stays.place}><b>{stays.place}</b>: {stays.why}</div>)}</ExpandableSection> },
          { id: 'by', header: 'By', minWidth: 120, cell: each => each.requestedBy },
          { id: 'at', header: 'Requested', minWidth: 170, cell: each => moment(each.requestedAt) },
        ]}
        empty={<Box textAlign="center">No group has been deleted.</Box>}
      />
    </ContentLayout>
  );
}

function State({ state, finishedAt }: Deletion) {
  return state === 'done'
    ? <><StatusIndicator type="success">Nothing is left</StatusIndicator><Box variant="small" display="block">{moment(finishedAt)}</Box></>
    : <StatusIndicator type="in-progress">Being deleted; usually done within half an hour</StatusIndicator>;
}

function Removed({ removed }: { removed: Deletion['removed'] }) {
  const all = removed.reduce((sum, each) => sum + each.items, 0);
  if (!all) return <>Nothing yet</>;
  return (
    <ExpandableSection variant="inline" headerText={plural(all, 'item')}>
      {removed.map(each => <div key={each.place}>{each.place}: {number(each.items)}</div>)}
    </ExpandableSection>
  );
}
