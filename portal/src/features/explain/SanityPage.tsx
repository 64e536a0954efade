import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import ContentLayout from '@cloudscape-design/components/content-layout';
import ExpandableSection from '@cloudscape-design/components/expandable-section';
import Header from '@cloudscape-design/components/header';
import Link from '@cloudscape-design/components/link';
import Pagination from '@cloudscape-design/components/pagination';
import SpaceBetween from '@cloudscape-design/components/space-between';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import Table from '@cloudscape-design/components/table';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useNavigate, useParams, useSearchParams } from 'react-router';
import { data, useApi, type Schemas } from '../../api/client';
import { ShowContacts, useContacts } from '../../app/contacts';
import { Problem } from '../../app/Problem';
import { useTitle } from '../../app/title';
import { number } from '../../app/words';

const PAGE = 25;
const share = ({ count, of }: Schemas['SanityFinding']) => {
  const percent = (value: number) => value.toLocaleString(undefined, { style: 'percent', maximumFractionDigits: 1 });
  return count / of < 0.001 ? `less than ${percent(0.001)}` : percent(count / of); // never 0 % of somebody
};

/** What no row has wrong and often means that something went wrong at the source. */
export function SanityPage() {
  const { groupId = '', syncId = '' } = useParams();
  const api = useApi();
  const navigate = useNavigate();
  const [params, setParams] = useSearchParams();
  const open = params.get('finding') ?? '';
  const place = Number(params.get('page') ?? 1) || 1;
  const { data: sanity, error, isPending, refetch } = useQuery({ queryKey: ['sanity', syncId], queryFn: () => data(api.GET('/syncs/{syncId}/sanity', { params: { path: { syncId } } })) });
  useTitle('Does this roster look right?');
  const odd = (sanity?.findings ?? []).filter(finding => finding.count > 0);
  const right = (sanity?.findings ?? []).filter(finding => finding.count === 0);
  return (
    <ContentLayout header={<Header variant="h1" description="Nothing here is an error. These findings often mean that something went wrong in the student information system." actions={<Button onClick={() => void navigate(`/groups/${groupId}/status`)}>Last sync status</Button>}>Does this roster look right?</Header>}>
      <SpaceBetween size="m">
        {isPending && <StatusIndicator type="loading">Looking through the roster</StatusIndicator>}
        {error && <Problem error={error} onRetry={() => void refetch()} />}
        {sanity && !odd.length && <Box textAlign="center" padding="l">Nothing looks unusual in this roster.</Box>}
        {odd.map(finding => (
          <ExpandableSection
            key={finding.name}
            variant="container"
            headerText={finding.title}
            headerCounter={`(${number(finding.count)} of ${number(finding.of)}, ${share(finding)})`}
            headerDescription={finding.meaning}
            expanded={open === finding.name}
            onChange={({ detail }) => setParams(detail.expanded ? { finding: finding.name } : {}, { replace: true })}
          >
            {open === finding.name && <FindingRows groupId={groupId} syncId={syncId} finding={finding} place={place} onPlace={to => setParams({ finding: finding.name, page: String(to) }, { replace: true })} />}
          </ExpandableSection>
        ))}
        {right.map(finding => <StatusIndicator key={finding.name} type="success">{finding.title}: none</StatusIndicator>)}
      </SpaceBetween>
    </ContentLayout>
  );
}

function FindingRows({ groupId, syncId, finding, place, onPlace }: { groupId: string; syncId: string; finding: Schemas['SanityFinding']; place: number; onPlace: (place: number) => void }) {
  const api = useApi();
  const navigate = useNavigate();
  const contacts = useContacts();
  const { data: page, error, refetch } = useQuery({
    queryKey: ['sanityRows', syncId, finding.name, place, contacts.show],
    queryFn: () => data(api.GET('/syncs/{syncId}/sanity/rows', { params: { path: { syncId }, query: { finding: finding.name, limit: PAGE, page: place, ...contacts.show } } })),
    placeholderData: keepPreviousData,
  });
  if (error && !page) return <Problem error={error} onRetry={() => void refetch()} />;
  const trace = (row: Schemas['SanityRow']) => `/groups/${groupId}/trace?entity=${finding.entity}&id=${encodeURIComponent(row.sourcedId)}`;
  return (
    <Table
      variant="embedded"
      footer={contacts.hidden && <ShowContacts contacts={contacts} of={page?.items} />}
      items={page?.items ?? (place === 1 ? finding.examples : [])}
      trackBy="sourcedId"
      loading={!page && place > 1}
      loadingText="Loading rows"
      pagination={finding.count > PAGE && <Pagination currentPageIndex={place} pagesCount={Math.ceil(finding.count / PAGE)} onChange={({ detail }) => onPlace(detail.currentPageIndex)} ariaLabels={{ nextPageLabel: 'Next page', previousPageLabel: 'Previous page', pageLabel: n => `Page ${n}` }} />}
      columnDefinitions={[
        { id: 'name', minWidth: 160, header: 'Name', isRowHeader: true, cell: row => <Link href={trace(row)} onFollow={event => { event.preventDefault(); void navigate(trace(row)); }}>{row.name || row.sourcedId}</Link> },
        { id: 'detail', minWidth: 180, header: 'More', cell: row => row.detail || '–' },
        { id: 'id', minWidth: 140, header: 'sourcedId', cell: row => row.sourcedId },
        { id: 'line', minWidth: 120, header: `Line of ${finding.entity}.csv`, cell: row => (row.line === null ? '–' : number(row.line)) },
      ]}
      empty={<Box textAlign="center">No rows.</Box>}
    />
  );
}
